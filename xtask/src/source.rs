//! One Rust file reduced to the facts that rules ask about: what it names, which texts it holds, how long its
//! functions are, which modules it declares, and which of all that is test code.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// Something found on a line; `test` when only tests compile it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) what: T,
    pub(crate) line: usize,
    pub(crate) test: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Lines from the signature to the closing brace.
    pub(crate) lines: usize,
    /// Nothing between the braces, nothing returned, and not the method of a trait.
    pub(crate) empty: bool,
}

/// `mod name;`, somewhere in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// The inline modules around it.
    pub(crate) inside: Vec<String>,
    /// The value of its `#[path]`.
    pub(crate) path: Option<String>,
}

/// The facts of one file.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Paths as written (`["std", "env", "var"]`), out of `use` items (flattened), code, types and macro arguments.
    pub(crate) paths: Vec<At<Vec<String>>>,
    pub(crate) strings: Vec<At<String>>,
    pub(crate) macros: Vec<At<String>>,
    pub(crate) functions: Vec<At<Function>>,
    pub(crate) modules: Vec<At<Module>>,
    /// `allow` attributes, with what they allow.
    pub(crate) allows: Vec<At<String>>,
    /// How many lines belong to items that only tests compile.
    pub(crate) test_lines: usize,
}

impl Source {
    /// Parses a file; the error carries the line and the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let file = syn::parse_file(text).map_err(|error| (error.span().start().line, error.to_string()))?;
        let mut reader = Reader { lines: text.lines().collect(), ..Reader::default() };
        reader.attributes(&file.attrs);
        reader.visit_file(&file);
        Ok(reader.source)
    }
}

#[derive(Default)]
struct Reader<'a> {
    source: Source,
    lines: Vec<&'a str>,
    /// How many test items are open around the current place.
    test: usize,
    /// How many traits and trait impls are open around the current place.
    in_trait: usize,
    inside: Vec<String>,
}

impl Reader<'_> {
    fn at<T>(&self, span: Span, what: T) -> At<T> {
        At { what, line: span.start().line, test: self.test > 0 }
    }

    fn attributes(&mut self, attributes: &[syn::Attribute]) {
        for attribute in attributes {
            if attribute.path().is_ident("allow") {
                let what = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
                let found = self.at(attribute.span(), what);
                self.source.allows.push(found);
            }
        }
    }

    fn path(&mut self, span: Span, path: Vec<String>) {
        let found = self.at(span, path);
        self.source.paths.push(found);
    }

    fn use_tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        match tree {
            syn::UseTree::Path(path) => {
                let mut longer = before.to_vec();
                longer.push(path.ident.to_string());
                self.use_tree(&path.tree, &longer);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before);
                }
            }
            syn::UseTree::Name(syn::UseName { ident }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                let mut whole = before.to_vec();
                if ident != "self" {
                    whole.push(ident.to_string());
                }
                self.path(ident.span(), whole);
            }
            syn::UseTree::Glob(glob) => self.path(glob.span(), before.to_vec()),
        }
    }

    /// What a macro is given is not parsed by anyone but the macro: look for paths and texts in its tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut start = Span::call_site();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_of_path(start, &mut path);
                        start = ident.span();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Punct(_) => {}
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal.clone()) {
                        self.visit_lit_str(&text);
                    }
                }
            }
            self.end_of_path(start, &mut path);
            colons = 0;
        }
        self.end_of_path(start, &mut path);
    }

    fn end_of_path(&mut self, start: Span, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.path(start, path);
        }
    }

    fn function(&mut self, whole: Span, signature: &syn::Signature, block: &syn::Block) {
        let from = signature.span().start().line;
        let to = whole.end().line;
        let explained = self.lines[from - 1..to.min(self.lines.len())].iter().any(|line| line.contains("//"));
        let unit = matches!(signature.output, syn::ReturnType::Default);
        let function = Function {
            name: signature.ident.to_string(),
            lines: to - from + 1,
            empty: self.in_trait == 0 && unit && block.stmts.is_empty() && !explained,
        };
        let found = self.at(signature.span(), function);
        self.source.functions.push(found);
    }

    /// Reads `inner` as test code when the attributes say so.
    fn scoped(&mut self, attributes: &[syn::Attribute], whole: Span, inner: impl FnOnce(&mut Self)) {
        self.attributes(attributes);
        let test = attributes.iter().any(is_test);
        if test && self.test == 0 {
            self.source.test_lines += whole.end().line - whole.start().line + 1;
        }
        self.test += usize::from(test);
        inner(self);
        self.test -= usize::from(test);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.scoped(attributes_of(item), item.span(), |reader| visit::visit_item(reader, item));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&item.tree, &[]);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        if item.content.is_none() {
            let path = item.attrs.iter().find(|attribute| attribute.path().is_ident("path")).and_then(|attribute| {
                match &attribute.meta.require_name_value().ok()?.value {
                    syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
                    _ => None,
                }
            });
            let found = self.at(item.span(), Module { name, inside: self.inside.clone(), path });
            self.source.modules.push(found);
            return;
        }
        self.inside.push(name);
        visit::visit_item_mod(self, item);
        self.inside.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(item.span(), &item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of_trait = usize::from(item.trait_.is_some());
        self.in_trait += of_trait;
        visit::visit_item_impl(self, item);
        self.in_trait -= of_trait;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.in_trait += 1;
        visit::visit_item_trait(self, item);
        self.in_trait -= 1;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.scoped(&item.attrs, item.span(), |reader| {
            reader.function(item.span(), &item.sig, &item.block);
            visit::visit_impl_item_fn(reader, item);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(item.span(), &item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        // Documentation arrives as attributes with text; that text is prose.
        if attribute.path().is_ident("doc") {
            return;
        }
        self.path(attribute.span(), attribute.path().segments.iter().map(|part| part.ident.to_string()).collect());
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.path(path.span(), path.segments.iter().map(|part| part.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let name = item.path.segments.last().map(|part| part.ident.to_string()).unwrap_or_default();
        let found = self.at(item.path.span(), name);
        self.source.macros.push(found);
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        let found = self.at(text.span(), text.value());
        self.source.strings.push(found);
    }
}

/// `#[cfg(test)]` (also inside `all(…)`), `#[test]`, `#[tokio::test]`.
fn is_test(attribute: &syn::Attribute) -> bool {
    let last = attribute.path().segments.last().map(|part| part.ident.to_string());
    match last.as_deref() {
        Some("test") => true,
        Some("cfg") => attribute.meta.require_list().is_ok_and(|list| {
            let text = list.tokens.to_string();
            text == "test" || (text.starts_with("all") && text.contains("test") && !text.contains("not"))
        }),
        _ => false,
    }
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Source {
        Source::parse(text).expect("it parses")
    }

    fn paths(source: &Source) -> Vec<String> {
        source.paths.iter().map(|path| path.what.join("::")).collect()
    }

    #[test]
    fn use_trees_are_flattened() {
        let source = parsed("use std::{env::{self, var as v}, fs::*};");
        assert_eq!(paths(&source), ["std::env", "std::env::var", "std::fs"]);
    }

    #[test]
    fn paths_are_found_in_code_types_and_macros() {
        let source = parsed("fn f(x: a::B) { let y = c::d(); println!(\"{}\", e::f::g(x, y)); json!({\"k\": h::i}); }");
        for path in ["a::B", "c::d", "e::f::g", "h::i"] {
            assert!(paths(&source).contains(&path.to_owned()), "{path} in {:?}", paths(&source));
        }
    }

    #[test]
    fn texts_are_found_in_code_and_macros_but_not_in_documentation() {
        let source = parsed("/// SELECT a\nfn f() { g(\"one\"); format!(\"two {}\", \"three\"); }");
        let texts: Vec<&str> = source.strings.iter().map(|text| text.what.as_str()).collect();
        assert_eq!(texts, ["one", "two {}", "three"]);
        assert_eq!(source.strings[0].line, 2);
    }

    #[test]
    fn test_code_is_told_apart() {
        let source = parsed("fn a() { x::y(); }\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() { x::z(); }\n}\n");
        let tests: Vec<(String, bool)> = source
            .paths
            .iter()
            .filter(|path| path.what[0] == "x")
            .map(|path| (path.what[1].clone(), path.test))
            .collect();
        assert_eq!(tests, [("y".to_owned(), false), ("z".to_owned(), true)]);
        assert_eq!(source.test_lines, 5);
    }

    #[test]
    fn functions_have_lengths_and_stubs_are_seen() {
        let source = parsed(
            "fn a() {\n    b();\n}\nfn stub() {}\nfn meant() {\n    // nothing to release\n}\n\
             impl Drop for X { fn drop(&mut self) {} }\nstruct X;\nimpl X { fn inherent(&self) {} }",
        );
        let functions: Vec<(&str, usize, bool)> = source
            .functions
            .iter()
            .map(|function| (function.what.name.as_str(), function.what.lines, function.what.empty))
            .collect();
        assert_eq!(
            functions,
            [("a", 3, false), ("stub", 1, true), ("meant", 3, false), ("drop", 1, false), ("inherent", 1, true)]
        );
    }

    #[test]
    fn modules_carry_their_place() {
        let source = parsed("mod a;\nmod b { mod c; }\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod d;");
        let modules: Vec<(&str, &[String], Option<&str>, bool)> = source
            .modules
            .iter()
            .map(|at| (at.what.name.as_str(), at.what.inside.as_slice(), at.what.path.as_deref(), at.test))
            .collect();
        assert_eq!(
            modules,
            [
                ("a", &[][..], None, false),
                ("c", &["b".to_owned()][..], None, false),
                ("d", &[][..], Some("x.rs"), true)
            ]
        );
    }

    #[test]
    fn a_file_that_does_not_parse_says_where() {
        let (line, _) = Source::parse("fn a() {}\nfn {").expect_err("broken");
        assert_eq!(line, 2);
    }
}
