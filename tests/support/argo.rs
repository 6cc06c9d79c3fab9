//! What Argo CD makes of an object with the scripts of `deploy/argocd`.
//!
//! The scripts get what Argo CD gives those of `argocd-cm`: Lua 5.1 with the base library, `table`, and `require("os")`
//! with `time` and `date`; the object as `obj`. Source: argo-cd, `util/lua/lua.go` and `util/lua/oslib_safe.go`.
#![allow(dead_code, reason = "every test binary compiles all of this and uses only its part")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on should end where it stands")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlua::{Lua, LuaOptions, StdLib, Table, Value as LuaValue};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Where the scripts are, as they would be in Argo CD's own repository.
const SCRIPTS: &str = "deploy/argocd/resource_customizations/threatprotection.dev/ThreatProtectionTenant";

/// Leaves of the standard library what Argo CD leaves of it.
const LIBRARY: &str = r#"
    local safe = { time = os.time, date = os.date }
    os = nil
    function require(name)
        assert(name == "os", "there is no library " .. name)
        return safe
    end
"#;

/// What Argo CD shows of an object.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    /// `Healthy`, `Progressing`, `Suspended` or `Degraded`.
    pub(crate) status: String,
    /// What is shown beside it.
    pub(crate) message: String,
}

/// The path of a file beside the scripts.
pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPTS).join(file)
}

/// The text of a file beside the scripts.
pub(crate) fn text(file: &str) -> String {
    let path = path(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The health of an object.
pub(crate) fn health(object: &Value) -> Health {
    let answer = run(&text("health.lua"), object).expect("the health of every object can be told");
    serde_json::from_value(answer).expect("a health is a status and a message")
}

/// The actions on an object, each with whether it is disabled.
pub(crate) fn actions(object: &Value) -> BTreeMap<String, bool> {
    let answer = run(&text("actions/discovery.lua"), object).expect("the actions on every object can be told");
    let actions = answer.as_object().cloned().unwrap_or_default().into_iter();
    let is_disabled = |action: &Value| action.get("disabled").and_then(Value::as_bool).expect("disabled or not");
    actions.map(|(name, action)| (name, is_disabled(&action))).collect()
}

/// The object that an action makes of an object, or why it does not.
pub(crate) fn act(name: &str, object: &Value) -> Result<Value, String> {
    let mut changed = run(&text(&format!("actions/{name}/action.lua")), object)?;
    restore_empty(&mut changed, object);
    Ok(changed)
}

fn run(script: &str, object: &Value) -> Result<Value, String> {
    let told = |error: mlua::Error| error.to_string();
    let lua = Lua::new_with(StdLib::TABLE | StdLib::OS, LuaOptions::default()).map_err(told)?;
    lua.load(LIBRARY).exec().map_err(told)?;
    lua.globals().set("obj", into_lua(&lua, object).map_err(told)?).map_err(told)?;
    from_lua(&lua.load(script).eval().map_err(told)?).map_err(told)
}

/// As Argo CD decodes: `null` is absent.
fn into_lua(lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
    Ok(match value {
        Value::Null => LuaValue::Nil,
        Value::Bool(yes) => LuaValue::Boolean(*yes),
        Value::Number(number) => LuaValue::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) => LuaValue::String(lua.create_string(text)?),
        Value::Array(items) => {
            let table = lua.create_table()?;
            for item in items {
                table.push(into_lua(lua, item)?)?;
            }
            LuaValue::Table(table)
        }
        Value::Object(members) => {
            let table = lua.create_table()?;
            for (name, member) in members {
                table.set(name.as_str(), into_lua(lua, member)?)?;
            }
            LuaValue::Table(table)
        }
    })
}

/// As Argo CD encodes: an empty table is an empty list, because Lua cannot tell.
fn from_lua(value: &LuaValue) -> mlua::Result<Value> {
    Ok(match value {
        LuaValue::Boolean(yes) => Value::Bool(*yes),
        LuaValue::Integer(number) => Value::from(*number),
        #[expect(clippy::cast_possible_truncation, reason = "the numbers of the resource are whole and small")]
        LuaValue::Number(number) => Value::from(*number as i64),
        LuaValue::String(text) => Value::String(text.to_str()?.to_owned()),
        LuaValue::Table(table) if table.is_empty() || table.raw_len() > 0 => from_list(table)?,
        LuaValue::Table(table) => {
            let mut members = Map::new();
            for pair in table.pairs::<String, LuaValue>() {
                let (name, member) = pair?;
                members.insert(name, from_lua(&member)?);
            }
            Value::Object(members)
        }
        other => return Err(mlua::Error::RuntimeError(format!("{} is no JSON", other.type_name()))),
    })
}

fn from_list(table: &Table) -> mlua::Result<Value> {
    let items = table.sequence_values::<LuaValue>();
    Ok(Value::Array(items.map(|item| from_lua(&item?)).collect::<mlua::Result<_>>()?))
}

/// What was an empty object is one again.
fn restore_empty(changed: &mut Value, before: &Value) {
    match (changed, before) {
        (Value::Object(changed), Value::Object(before)) => {
            for (name, member) in changed {
                restore_empty(member, before.get(name).unwrap_or(&Value::Null));
            }
        }
        (Value::Array(changed), Value::Array(before)) => {
            changed.iter_mut().zip(before).for_each(|(item, before)| restore_empty(item, before));
        }
        (changed @ Value::Array(_), Value::Object(_)) if changed.as_array().is_some_and(Vec::is_empty) => {
            *changed = Value::Object(Map::new());
        }
        _ => {}
    }
}
