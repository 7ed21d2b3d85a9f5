//! Questions that ask for a secret, and what answers them without telling one.

/// Parts of a question that name a secret, in small letters.
const PARTS: [&str; 22] = [
    "apikey",
    "card number",
    "contraseñ",
    "credential",
    "kennwort",
    "mot de passe",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "recovery phrase",
    "security number",
    "seed phrase",
    "social security",
    "wachtwoord",
    "zugangsdaten",
    "парол",
    "パスワード",
    "密码",
    "密碼",
    "비밀번호",
];

/// Words of one that do so: in other words the letters mean nothing.
const WORDS: [&str; 14] = [
    "cvc", "cvc2", "cvv", "cvv2", "jwt", "otp", "pin", "pincode", "pwd", "secret", "senha", "ssn",
    "token", "totp",
];

/// Words before `key` that tell it from one of a keyboard.
const KEYS: [&str; 9] = [
    "access",
    "api",
    "deploy",
    "encryption",
    "license",
    "private",
    "secret",
    "signing",
    "ssh",
];

/// Words before `code` that tell it from one of a country, a shop or a program.
const CODES: [&str; 21] = [
    "2fa",
    "access",
    "activation",
    "auth",
    "authentication",
    "authenticator",
    "authorization",
    "backup",
    "confirmation",
    "digit",
    "login",
    "mfa",
    "pass",
    "recovery",
    "secret",
    "security",
    "sms",
    "time",
    "unlock",
    "verification",
    "verify",
];

/// Words that say of any code that it proves who somebody is.
const SENT: [&str; 9] = [
    "2fa",
    "authenticator",
    "digit",
    "digits",
    "mfa",
    "phone",
    "sent",
    "sms",
    "texted",
];

/// Answers that tell nothing.
const REPLIES: [&str; 27] = [
    "abort",
    "accept",
    "allow",
    "approve",
    "approved",
    "cancel",
    "confirm",
    "confirmed",
    "continue",
    "decline",
    "deny",
    "done",
    "ja",
    "later",
    "nein",
    "never",
    "no",
    "none",
    "ok",
    "okay",
    "retry",
    "skip",
    "stop",
    "sure",
    "y",
    "yep",
    "yes",
];

/// Whether the answer to a question is a secret.
pub(super) fn asks_for_a_secret(question: &str) -> bool {
    let question = question.to_lowercase();
    let words: Vec<&str> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let follows = |kinds: &[&str], thing: &str| {
        let mut pairs = words.windows(2);
        pairs.any(|pair| kinds.contains(&pair[0]) && pair[1].trim_end_matches('s') == thing)
    };
    PARTS.iter().any(|part| question.contains(part))
        || has(&WORDS)
        || follows(&KEYS, "key")
        || follows(&CODES, "code")
        || has(&["code", "codes"]) && has(&SENT)
}

/// Whether an answer tells nothing, such as `yes`.
pub(super) fn is_plain_reply(answer: &str) -> bool {
    let answer = answer.trim().trim_end_matches(['.', '!']);
    REPLIES.contains(&&*answer.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_for_secrets_are_told_from_others() {
        for question in [
            "What is your password?",
            "Passwort?",
            "PIN, please",
            "Which verification code did you get?",
            "Enter the 6-digit code",
            "We sent a code to your phone. What is it?",
            "Paste the API key",
            "Your one-time code?",
            "The CVV of the card?",
            "Введите пароль",
        ] {
            assert!(asks_for_a_secret(question), "{question}");
        }
        for question in [
            "Which colour?",
            "Which key shall I press?",
            "Which country code?",
            "How many tokens may it cost?",
            "Is spinning fine?",
            "Which promo code?",
        ] {
            assert!(!asks_for_a_secret(question), "{question}");
        }
        assert!(is_plain_reply(" Yes! ") && !is_plain_reply("hunter2"));
    }
}
