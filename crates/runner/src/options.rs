//! What the options of every command share: errors that say what is expected, and empty variables.

use std::ffi::{OsStr, OsString};

use clap::builder::TypedValueParser;
use clap::{Arg, Command, Error};
use url::Url;

/// A parser of values that are described in words.
#[derive(Clone)]
pub struct Described<P> {
    expected: String,
    parser: P,
}

/// Makes an error of `parser` say what is `expected`, and name the option's variable beside the option.
///
/// `invalid value 'x' for '--port <PORT>': expected an integer from 0 to 65535 (--port or ROCKET_PORT)`
pub fn described<P: TypedValueParser>(expected: impl Into<String>, parser: P) -> Described<P> {
    Described { expected: expected.into(), parser }
}

impl<P: TypedValueParser> TypedValueParser for Described<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<P::Value, Error> {
        if let Ok(value) = self.parser.parse_ref(command, arg, value) {
            return Ok(value);
        }
        let option = arg.and_then(Arg::get_long).unwrap_or_default();
        let variable = arg.and_then(Arg::get_env).map(|name| format!(" or {}", name.display()));
        let expected =
            format!("expected {} (--{option}{})", self.expected, variable.unwrap_or_default());
        // A closure's error is one that clap words with the option and the value.
        let fail = move |_: &str| Err(expected.clone());
        TypedValueParser::parse_ref(&fail, command, arg, value)
    }
}

/// A parser of a server's URL, which paths are appended to.
#[must_use]
pub fn http_url(example: &str) -> impl TypedValueParser<Value = Url> + use<> {
    described(format!("an http:// or https:// URL such as {example}"), |text: &str| {
        // The URL parser also accepts `http:host`.
        let has_scheme = text.starts_with("http://") || text.starts_with("https://");
        let url = Url::parse(text).ok().filter(|_| has_scheme);
        let base = url.filter(|url| url.query().is_none() && url.fragment().is_none());
        base.ok_or("not an HTTP URL")
    })
}

/// Makes empty variables count as unset: Compose sets an empty one where `${NAME:-}` has no value.
#[must_use]
pub fn ignore_empty(command: Command, variable: fn(&OsStr) -> Option<OsString>) -> Command {
    let is_empty = move |arg: &Arg| arg.get_env().and_then(variable).is_some_and(|v| v.is_empty());
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(None) } else { arg })
        .mut_subcommands(|command| ignore_empty(command, variable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Url, String> {
        let arg = Arg::new("url").long("url").env("SOME_URL");
        let command = Command::new("test").arg(arg.value_parser(http_url("http://localhost:8000")));
        let matches = command.try_get_matches_from(["test", &format!("--url={url}")]);
        matches.map(|mut m| m.remove_one("url").expect("given")).map_err(|error| error.to_string())
    }

    #[test]
    fn only_an_http_url_that_paths_can_be_appended_to_is_valid() {
        for text in ["http://localhost:8000", "https://example.org/jaeger/"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in [
            "localhost:8000",
            "ftp://localhost",
            "http:localhost",
            "http://",
            "http://a b",
            "",
            "http://localhost/?a=b",
            "http://localhost/#top",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_names_the_value_the_option_its_variable_and_what_is_expected() {
        let error = parse("localhost:1").expect_err("invalid");
        let expected = "error: invalid value 'localhost:1' for '--url <url>': expected an http:// or \
                        https:// URL such as http://localhost:8000 (--url or SOME_URL)";
        assert_eq!(error.lines().next(), Some(expected));
    }

    #[test]
    fn an_empty_variable_counts_as_unset_in_subcommands_too() {
        let args = [Arg::new("a").long("a").env("EMPTY"), Arg::new("b").long("b").env("SET")];
        let inner = Command::new("inner").args(args.clone());
        let variable = |name: &OsStr| Some(if name == "EMPTY" { "".into() } else { "x".into() });
        let command = ignore_empty(Command::new("outer").args(args).subcommand(inner), variable);
        let inner = command.find_subcommand("inner").expect("a subcommand");
        for command in [&command, inner] {
            let variables: Vec<_> = command.get_arguments().map(Arg::get_env).collect();
            assert_eq!(variables, [None, Some(OsStr::new("SET"))]);
        }
    }
}
