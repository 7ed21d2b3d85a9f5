//! What a handler of questions may give.

use std::pin::Pin;

/// What a handler of [`RunTask::on_question`](super::RunTask::on_question) may
/// give: a text, `None` to leave the question open, or a future of either. `K`
/// only keeps the two apart.
pub trait Answer<K>: sealed::Sealed<K> {
    #[doc(hidden)]
    fn later(self) -> Answering;
}

/// An answer that may take its time.
pub(super) type Answering = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// It is there.
#[derive(Debug)]
pub struct Ready;

/// It comes.
#[derive(Debug)]
pub struct Awaited;

mod sealed {
    pub trait Sealed<K> {}
    impl<T: Into<super::Text>> Sealed<super::Ready> for T {}
    impl<F: Future> Sealed<super::Awaited> for F {}
}

/// An answer as a text.
#[derive(Debug)]
pub struct Text(Option<String>);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Some(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl From<Option<String>> for Text {
    fn from(text: Option<String>) -> Self {
        Self(text)
    }
}

impl<T: Into<Text>> Answer<Ready> for T {
    fn later(self) -> Answering {
        Box::pin(std::future::ready(self.into().0))
    }
}

impl<F> Answer<Awaited> for F
where
    F: Future<Output: Into<Text>> + Send + 'static,
{
    fn later(self) -> Answering {
        Box::pin(async move { self.await.into().0 })
    }
}
