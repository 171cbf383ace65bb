//! The readable documentation: pages made from the same document that clients are generated from. Pure text in, HTML
//! out; no script, so that they work under the strictest content policy.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rhiza_kernel::ErrorCode;
use serde_json::{Map, Value};

/// The pages' style sheet.
pub(crate) const STYLE: &str = include_str!("pages.css");

/// The pages by path below `/docs/`; the first page is the empty path.
pub(crate) fn pages(document: &Value) -> BTreeMap<String, String> {
    let groups = groups(document);
    let mut pages = BTreeMap::new();
    pages.insert(String::new(), frame("API", &index(document, &groups)));
    pages.insert("errors".to_owned(), frame("Errors", &errors()));
    for (tag, operations) in &groups {
        pages.insert((*tag).to_owned(), frame(tag, &group(document, operations)));
    }
    pages
}

struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    content: &'a Map<String, Value>,
}

impl Operation<'_> {
    fn text(&self, field: &str) -> &str {
        self.content.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    fn title(&self) -> &str {
        Some(self.text("summary")).filter(|s| !s.is_empty()).unwrap_or_else(|| self.text("operationId"))
    }
}

/// The operations of each tag, in the document's order.
fn groups(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut groups: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    for (path, item) in paths {
        for (method, content) in item.as_object().into_iter().flatten() {
            let Some(content) = content.as_object() else { continue };
            let tag = content.get("tags").and_then(|t| t.get(0)).and_then(Value::as_str).unwrap_or("other");
            groups.entry(tag).or_default().push(Operation { method, path, content });
        }
    }
    groups
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0} · Rhiza</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"/docs/style.css\">\
         </head><body><nav><a href=\"/\">Console</a> <a href=\"/docs\">API</a> <a href=\"/docs/errors\">Errors</a> \
         <a href=\"/api/openapi.json\">openapi.json</a></nav><main><h1>{0}</h1>{body}</main></body></html>",
        escaped(title)
    )
}

// Writing into a String cannot fail, so the results of `write!` below carry nothing.
macro_rules! put {
    ($out:expr, $($args:tt)*) => {{ let _ = write!($out, $($args)*); }};
}

fn index(document: &Value, groups: &BTreeMap<&str, Vec<Operation<'_>>>) -> String {
    let about = document.pointer("/info/description").and_then(Value::as_str).unwrap_or_default();
    let mut out = format!("<p>{}</p>", escaped(about));
    for (tag, operations) in groups {
        put!(out, "<h2><a href=\"/docs/{0}\">{0}</a></h2><table>", escaped(tag));
        for operation in operations {
            put!(
                out,
                "<tr><td class=\"method\">{}</td><td><a href=\"/docs/{}#{}\"><code>{}</code></a></td><td>{}</td></tr>",
                operation.method.to_uppercase(),
                escaped(tag),
                escaped(operation.text("operationId")),
                escaped(operation.path),
                escaped(operation.title())
            );
        }
        out.push_str("</table>");
    }
    out
}

fn group(document: &Value, operations: &[Operation<'_>]) -> String {
    let mut out = format!("<p>{} operations.</p>", operations.len());
    for operation in operations {
        put!(
            out,
            "<section id=\"{}\"><h2>{}</h2><p><span class=\"method\">{}</span> <code>{}</code></p>",
            escaped(operation.text("operationId")),
            escaped(operation.title()),
            operation.method.to_uppercase(),
            escaped(operation.path)
        );
        let about = operation.text("description");
        if !about.is_empty() {
            put!(out, "<p>{}</p>", escaped(about));
        }
        parameters(operation, &mut out);
        if let Some(schema) = operation.content.get("requestBody").and_then(schema_of) {
            out.push_str("<h3>Body</h3>");
            fields(document, schema, &mut out);
        }
        answers(document, operation, &mut out);
        out.push_str("</section>");
    }

    out
}

fn parameters(operation: &Operation<'_>, out: &mut String) {
    let Some(parameters) = operation.content.get("parameters").and_then(Value::as_array) else { return };
    out.push_str("<h3>Parameters</h3><table>");
    for parameter in parameters {
        let text = |field: &str| parameter.get(field).and_then(Value::as_str).unwrap_or_default();
        let kind = parameter.get("schema").map(kind).unwrap_or_default();
        put!(
            out,
            "<tr><td><code>{}</code></td><td>{} in {}</td><td>{}</td></tr>",
            escaped(text("name")),
            kind,
            escaped(text("in")),
            escaped(text("description"))
        );
    }
    out.push_str("</table>");
}

fn answers(document: &Value, operation: &Operation<'_>, out: &mut String) {
    let Some(responses) = operation.content.get("responses").and_then(Value::as_object) else { return };
    for (status, response) in responses {
        let about = response.get("description").and_then(Value::as_str).unwrap_or_default();
        put!(out, "<h3>Answer {}</h3><p>{}</p>", escaped(status), escaped(about));
        if let Some(schema) = schema_of(response).filter(|_| status.starts_with('2')) {
            fields(document, schema, out);
        }
    }
}

/// The schema of a body or an answer, of whichever media type it is.
fn schema_of(body: &Value) -> Option<&Value> {
    body.get("content")?.as_object()?.values().next()?.get("schema")
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}

fn fields(document: &Value, schema: &Value, out: &mut String) {
    let schema = resolved(document, schema);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        put!(out, "<p>{}</p>", kind(schema));
        return;
    };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    out.push_str("<table>");
    for (name, property) in properties {
        let about = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let optional = if required.contains(&name.as_str()) { "" } else { ", optional" };
        put!(
            out,
            "<tr><td><code>{}</code></td><td>{}{optional}</td><td>{}</td></tr>",
            escaped(name),
            kind(property),
            escaped(about)
        );
    }
    out.push_str("</table>");
}

/// A schema in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return escaped(name.rsplit('/').next().unwrap_or(name));
    }
    for any in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema.get(any).and_then(Value::as_array) {
            return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match schema.get("type") {
        Some(Value::String(t)) if t == "array" => {
            format!("list of {}", schema.get("items").map(kind).unwrap_or_default())
        }
        Some(Value::String(t)) => escaped(t),
        Some(Value::Array(types)) => {
            types.iter().filter_map(Value::as_str).map(escaped).collect::<Vec<_>>().join(" or ")
        }
        _ => "any value".to_owned(),
    }
}

fn errors() -> String {
    let mut out = String::from(
        "<p>Native routes answer faults as problem documents (RFC 9457). <code>type</code> names the entry below, \
         <code>code</code> is what programs should branch on, <code>request_id</code> finds the request in the log, \
         and <code>errors</code> points at the fields at fault. Routes under an MLflow path answer with MLflow's own \
         codes instead.</p><table><tr><th>Code</th><th>Status</th><th>Meaning</th></tr>",
    );
    for code in ErrorCode::ALL {
        put!(
            out,
            "<tr id=\"{0}\"><td><code>{0}</code></td><td>{1}</td><td>{2}</td></tr>",
            code.as_str(),
            code.http_status(),
            escaped(code.title())
        );
    }
    out.push_str("</table>");
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operation_and_every_code_has_its_place() {
        let document = json!({
            "info": {"description": "About <this>"},
            "paths": {"/things/{id}": {"get": {
                "tags": ["things"], "operationId": "getThing", "summary": "One & only",
                "parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}, "description": "Which"}],
                "responses": {"200": {"description": "It", "content": {"application/json": {"schema":
                    {"$ref": "#/components/schemas/Thing"}}}}},
            }}},
            "components": {"schemas": {"Thing": {"properties": {"size": {"type": ["integer", "null"]}}}}},
        });
        let pages = pages(&document);
        assert_eq!(pages.keys().collect::<Vec<_>>(), ["", "errors", "things"]);
        assert!(pages[""].contains("About &lt;this&gt;") && pages[""].contains("/docs/things#getThing"));
        let page = &pages["things"];
        assert!(page.contains("One &amp; only") && page.contains("integer or null, optional"), "{page}");
        for code in ErrorCode::ALL {
            assert!(pages["errors"].contains(&format!("id=\"{}\"", code.as_str())));
        }
    }
}
