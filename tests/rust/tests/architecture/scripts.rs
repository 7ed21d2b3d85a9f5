//! Which files of a Python package or of TypeScript sources use which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::circles::Uses;
use crate::files;

/// A file's name below its folder.
fn name(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap().display().to_string()
}

/// The text between two marks is no code: comments, docstrings.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some((code, inside)) = rest.split_once(open) {
        left.push_str(code);
        rest = inside.split_once(close).map_or("", |(_, after)| after);
    }
    left + rest
}

/// The uses in a Python package; imports inside functions and for type
/// checkers count.
pub(crate) fn python(folder: &str) -> Uses {
    let (folder, found) = files(folder, "py");
    let package = folder.file_name().unwrap().to_str().unwrap();
    found
        .iter()
        .map(|(path, text)| {
            let code = without(text, "\"\"\"", "\"\"\"");
            let mut used = BTreeSet::new();
            for import in python_imports(&code) {
                used.extend(python_targets(&folder, package, path, &import));
            }
            used.remove(&name(&folder, path));
            // A package's face hands names on and defines nothing.
            if path.ends_with("__init__.py")
                && !code.contains("\ndef ")
                && !code.contains("\nclass ")
            {
                used.clear();
            }
            (name(&folder, path), used)
        })
        .collect()
}

/// `from A import B, C` as (A, [B, C]); `import A` as (A, []).
fn python_imports(code: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, line) in code.lines().enumerate() {
        let line = line.trim_start();
        if let Some((module, names)) = line
            .strip_prefix("from ")
            .and_then(|rest| rest.split_once(" import "))
        {
            let names = if names.starts_with('(') {
                let rest: Vec<&str> = code.lines().skip(at).collect();
                let rest = rest.join(" ");
                let inside = rest.split_once('(').unwrap().1.split_once(')').unwrap().0;
                inside.to_owned()
            } else {
                names.to_owned()
            };
            let names = names
                .split(',')
                .filter_map(|name| name.split_whitespace().next().map(str::to_owned))
                .collect();
            found.push((module.to_owned(), names));
        } else if let Some(modules) = line.strip_prefix("import ") {
            for module in modules.split(',') {
                let module = module.split_whitespace().next().unwrap_or_default();
                found.push((module.to_owned(), Vec::new()));
            }
        }
    }
    found
}

fn python_targets(
    folder: &Path,
    package: &str,
    from: &Path,
    (module, names): &(String, Vec<String>),
) -> BTreeSet<String> {
    let dots = module.chars().take_while(|mark| *mark == '.').count();
    let mut base = if dots > 0 {
        from.ancestors().nth(dots).unwrap().to_owned()
    } else if module.split('.').next() == Some(package) {
        folder.parent().unwrap().to_owned()
    } else {
        return BTreeSet::new();
    };
    base.extend(module[dots..].split('.').filter(|part| !part.is_empty()));
    let file_of = |path: &Path| {
        [path.with_extension("py"), path.join("__init__.py")]
            .into_iter()
            .find(|path| path.is_file())
    };
    let mut found = BTreeSet::new();
    let mut of_module = names.is_empty();
    for part in names {
        match file_of(&base.join(part)) {
            Some(file) => drop(found.insert(name(folder, &file))),
            None => of_module = true,
        }
    }
    // What is left is the native module, which has no file here.
    let native = names.iter().all(|part| part == "_native");
    if let Some(file) = file_of(&base).filter(|_| of_module && !native) {
        found.insert(name(folder, &file));
    }
    found
}

/// The uses in TypeScript sources; imports of types count.
pub(crate) fn typescript(folder: &str) -> Uses {
    let (folder, mut found) = files(folder, "ts");
    found.extend(files(folder.to_str().unwrap(), "mts").1);
    found
        .iter()
        .map(|(path, text)| {
            let code = without(text, "/*", "*/");
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| format!("{line}\n"))
                .collect();
            let statements: Vec<&str> = code.split(';').map(str::trim).collect();
            let is_face = statements.iter().all(|statement| {
                statement.is_empty()
                    || (statement.starts_with("export") && statement.contains(" from \""))
                    || statement.starts_with("import \"")
            });
            let used = if is_face {
                BTreeSet::new()
            } else {
                statements
                    .iter()
                    .filter(|statement| {
                        !statement.starts_with("export {") && !statement.starts_with("export *")
                    })
                    .flat_map(|statement| typescript_targets(statement))
                    .map(|target| name(&folder, &resolve(path, target)))
                    .collect()
            };
            (name(&folder, path), used)
        })
        .collect()
}

/// The relative files that a statement imports.
fn typescript_targets(statement: &str) -> Vec<&str> {
    ["from \"", "import \"", "import(\""]
        .iter()
        .flat_map(|mark| statement.split(mark).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|target| target.starts_with('.') && target.ends_with("js"))
        .collect()
}

fn resolve(from: &Path, target: &str) -> PathBuf {
    let mut at = from.parent().unwrap().to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => drop(at.pop()),
            Component::Normal(part) => at.push(part),
            _ => {}
        }
    }
    let source = at.with_extension(if target.ends_with(".mjs") {
        "mts"
    } else {
        "ts"
    });
    assert!(
        source.is_file(),
        "{} imports {target}, which is not there",
        from.display()
    );
    source
}

#[test]
fn imports_are_read_in_every_form() {
    let code = "from . import _native\nfrom .._wait import (\n    A,\n    B as C,\n)\nimport os, sys as s\n";
    let expected = [
        (".", vec!["_native"]),
        (".._wait", vec!["A", "B"]),
        ("os", vec![]),
        ("sys", vec![]),
    ];
    let expected: Vec<(String, Vec<String>)> = expected
        .into_iter()
        .map(|(module, names)| {
            (
                module.to_owned(),
                names.into_iter().map(str::to_owned).collect(),
            )
        })
        .collect();
    assert_eq!(python_imports(code), expected);
    assert_eq!(
        typescript_targets("import { type A,\n B } from \"./a/b.js\""),
        ["./a/b.js"]
    );
    assert_eq!(without("a /* b */ c", "/*", "*/"), "a  c");
}

/// The check itself: two files of one folder that import each other.
#[test]
fn a_planted_circle_of_files_is_found() {
    let folder = std::env::temp_dir().join(format!("sessionwire-circle-{}", std::process::id()));
    let write = |file: &str, text: &str| {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("py/a.py", "def f() -> None:\n    from .b import g\n");
    write("py/b.py", "from . import a\n");
    write(
        "ts/a.ts",
        "import type { B } from \"./b.js\";\nexport const a = 1;\n",
    );
    write(
        "ts/b.ts",
        "import {\n  a,\n} from \"./a.js\";\nexport const b = a;\n",
    );
    write("ts/only.mts", "export * from \"./a.js\";\n");
    write("rs/lib.rs", "mod a;\nmod b;\npub use a::A;\n");
    write("rs/a.rs", "pub struct A;\nfn f() { crate::b::g() }\n");
    write(
        "rs/b.rs",
        "pub fn g() { println!(\"{:?}\", crate::A::h()) }\n#[cfg(test)]\nmod tests {}\n",
    );
    let path = |part: &str| folder.join(part).to_str().unwrap().to_owned();
    let found = [
        crate::circles::circles(&python(&path("py"))),
        crate::circles::circles(&typescript(&path("ts"))),
        crate::circles::circles(&crate::rust::uses(&folder.join("rs"))),
    ];
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        found,
        [[["a.py", "b.py"]], [["a.ts", "b.ts"]], [["a.rs", "b.rs"]]]
    );
}
