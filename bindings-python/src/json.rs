//! Between Python values and JSON.

use jiter::{PythonParse, StringCacheMode};
use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{Borrowed, ffi, intern};
use serde_json::{Map, Number, Value};
use sessionwire::meaning;

/// JSON nested more deeply than this is refused.
const DEEPEST: usize = 100;

/// Parses JSON into Python values; ValueError where it is none.
pub(crate) fn parse<'py>(py: Python<'py>, json: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let parser = PythonParse {
        cache_mode: StringCacheMode::Keys,
        // The core reads what JSON does not have: one rule for every language.
        allow_inf_nan: false,
        ..PythonParse::default()
    };
    parser
        .python_parse(py, json)
        .map_err(|error| jiter::map_json_error(json, &error))
}

/// Parses JSON that came over the wire, by the core's rules; ValueError where it
/// is none.
pub(crate) fn parse_wire<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let read = || parse(py, text.as_bytes());
    if let Ok(value) = read()
        && !is_odd(&value, 0)
    {
        return Ok(value);
    }
    match meaning::plain(text) {
        Some(plain) => parse(py, plain.as_bytes()),
        // It says best what is wrong.
        None => read(),
    }
}

/// Whether the core reads a value otherwise than Python's parser did: a number that
/// 64 bits cannot hold, or what is nested too deeply. There are fewer values than
/// bytes to look at.
fn is_odd(value: &Bound<'_, PyAny>, depth: usize) -> bool {
    if value.is_exact_instance_of::<PyString>() {
        false
    } else if value.is_exact_instance_of::<PyInt>() {
        value.extract::<i64>().is_err() && value.extract::<u64>().is_err()
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        depth == meaning::DEEPEST || has_odd_item(dict, depth + 1)
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        depth == meaning::DEEPEST || list.iter().any(|item| is_odd(&item, depth + 1))
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        !number.value().is_finite()
    } else {
        false
    }
}

/// [`is_odd`] for the items of a dict. A loop by pyo3 counts references and asks for
/// the dict's size with each of them, which costs more than the items' own look.
fn has_odd_item(dict: &Bound<'_, PyDict>, depth: usize) -> bool {
    let mut place = 0;
    let mut item = std::ptr::null_mut();
    // SAFETY: the dict lives as long as `dict`, nothing changes it meanwhile, and the
    // items that it lends are of this dict.
    while unsafe {
        ffi::PyDict_Next(
            dict.as_ptr(),
            &raw mut place,
            std::ptr::null_mut(),
            &raw mut item,
        )
    } != 0
    {
        // SAFETY: as above; no reference is taken or given.
        let item = unsafe { Borrowed::from_ptr(dict.py(), item) };
        if is_odd(&item, depth) {
            return true;
        }
    }
    false
}

/// Why a Python value is no JSON.
pub(crate) enum Refusal {
    Input(String),
    Python(PyErr),
}

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

/// A Python value as JSON.
pub(crate) fn from_py(object: &Bound<'_, PyAny>) -> Result<Value, Refusal> {
    value(object, 0)
}

fn value(object: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Refusal> {
    if depth > DEEPEST {
        return Err(Refusal::Input(format!(
            "the value is nested more than {DEEPEST} levels deep"
        )));
    }
    if object.is_none() {
        Ok(Value::Null)
    } else if let Ok(text) = object.cast::<PyString>() {
        Ok(Value::String(string(text)?))
    } else if let Ok(flag) = object.cast::<PyBool>() {
        Ok(Value::Bool(flag.is_true()))
    } else if object.is_instance_of::<PyInt>() {
        integer(object)
    } else if let Ok(number) = object.cast::<PyFloat>() {
        Number::from_f64(number.value())
            .map(Value::Number)
            .ok_or_else(|| {
                Refusal::Input(format!("{} is not a number that JSON has", number.value()))
            })
    } else if let Ok(dict) = object.cast::<PyDict>() {
        let mut map = Map::with_capacity(dict.len());
        for (key, item) in dict.iter() {
            let key = key
                .cast::<PyString>()
                .map_err(|_| Refusal::Input(format!("the key {key} of a dict is not a string")))?;
            map.insert(string(key)?, value(&item, depth + 1)?);
        }
        Ok(Value::Object(map))
    } else if let Ok(list) = object.cast::<PyList>() {
        list.iter()
            .map(|item| value(&item, depth + 1))
            .collect::<Result<_, _>>()
            .map(Value::Array)
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        tuple
            .iter()
            .map(|item| value(&item, depth + 1))
            .collect::<Result<_, _>>()
            .map(Value::Array)
    } else if let Ok(total) = object
        .get_type()
        .getattr(intern!(object.py(), "total_seconds"))
    {
        // A `timedelta`: all times that are given are seconds. By its class, which a stand-in of a
        // test does not have.
        value(&total.call1((object,))?, depth + 1)
    } else {
        let name = object.get_type().name()?;
        Err(Refusal::Input(format!(
            "a value of type {name} is not accepted here; give a str, number, bool, list or dict"
        )))
    }
}

fn integer(object: &Bound<'_, PyAny>) -> Result<Value, Refusal> {
    object
        .extract::<i64>()
        .map(Value::from)
        .or_else(|_| object.extract::<u64>().map(Value::from))
        .map_err(|_| Refusal::Input("an integer is larger than 64 bits".to_owned()))
}

fn string(text: &Bound<'_, PyString>) -> Result<String, Refusal> {
    text.to_cow()
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| {
            if error.is_instance_of::<PyUnicodeEncodeError>(text.py()) {
                Refusal::Input(
                    "the text holds half of a surrogate pair, which UTF-8 cannot carry".to_owned(),
                )
            } else {
                Refusal::Python(error)
            }
        })
}
