//! Regular expressions as the broker evaluates them: Kafka's are RE2/J's, which are nearly those of the crate `regex`.

use milena_protocol::ErrorCode;
use regex::Regex;

use super::Refusal;

/// The expression, which has to match all of a name.
pub(super) fn compile(expression: &str) -> Result<Regex, Refusal> {
    let invalid = |error: regex::Error| {
        let message = format!("the regular expression {expression:?} is not valid: {error}");
        Refusal::new(ErrorCode::INVALID_REGULAR_EXPRESSION, message)
    };
    let translated = translated(expression);
    Regex::new(&translated).map_err(invalid)?;
    Regex::new(&format!("^(?:{translated})$")).map_err(invalid)
}

/// An expression that means to `regex` what this one means to RE2/J. The differences are three: what is between `\Q` and `\E`
/// stands for itself (Java's `Pattern.quote` writes that), and so does a `{` that begins no repetition; within a class `[`,
/// `&` and `~` are nothing special.
fn translated(expression: &str) -> String {
    let mut translated = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\\' if rest.starts_with("\\Q") => {
                let quoted = &rest[2..];
                let (quoted, end) = quoted.split_once("\\E").map_or((quoted, 0), |(quoted, _)| (quoted, 2));
                translated += &regex::escape(quoted);
                rest = &rest[2 + quoted.len() + end..];
                continue;
            }
            '\\' => escape(rest),
            '[' => {
                let class = class(rest);
                push_class(class, &mut translated);
                rest = &rest[class.len()..];
                continue;
            }
            '{' => {
                let repetition = repetition(rest);
                if repetition == 0 {
                    translated.push('\\');
                }
                repetition.max(1)
            }
            other => other.len_utf8(),
        };
        translated += &rest[..taken];
        rest = &rest[taken..];
    }
    translated
}

/// How long the escape is that a text begins with: `\d`, `\x{41}`, `\pL`, `\p{Greek}`.
fn escape(text: &str) -> usize {
    let Some(letter) = text[1..].chars().next() else { return 1 };
    let length = 1 + letter.len_utf8();
    let has_braces = matches!(letter, 'x' | 'p' | 'P') && text[length..].starts_with('{');
    let braces = text[length..].find('}').filter(|_| has_braces);
    length + braces.map_or(0, |end| end + 1)
}

/// How long the repetition is that a text begins with, 0 where it is none: `{3}`, `{3,}`, `{3,5}`.
fn repetition(text: &str) -> usize {
    let Some(end) = text.find('}') else { return 0 };
    let (least, most) = text[1..end].split_once(',').unwrap_or((&text[1..end], ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !least.is_empty() && is_number(least) && is_number(most) { end + 1 } else { 0 }
}

/// The class that a text begins with, to its end if it has one. A `]` that comes first stands for itself.
fn class(text: &str) -> &str {
    let first = if text.starts_with("[^") { 2 } else { 1 };
    let mut at = first;
    while let Some(next) = text[at..].chars().next() {
        match next {
            ']' if at > first => return &text[..=at],
            '\\' => at += escape(&text[at..]),
            '[' => at += posix(&text[at..]).max(1),
            other => at += other.len_utf8(),
        }
    }
    text
}

/// How long the name of a class is that a text within a class begins with, 0 where it is none: `[:alpha:]`.
fn posix(text: &str) -> usize {
    let name = text.strip_prefix("[:").and_then(|rest| rest.find(":]"));
    name.map_or(0, |length| length + 4)
}

fn push_class(class: &str, translated: &mut String) {
    translated.push('[');
    let mut rest = &class[1..];
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\\' => escape(rest),
            '[' if posix(rest) > 0 => posix(rest),
            '[' | '&' | '~' => {
                translated.push('\\');
                1
            }
            other => other.len_utf8(),
        };
        *translated += &rest[..taken];
        rest = &rest[taken..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_stands_for_itself() {
        for (expression, translation) in [
            (r"\Qorders.eu\E.*", r"orders\.eu.*"),
            (r"a\Q.+", r"a\.\+"),
            (r"\Q\E", ""),
            (r"\Q\d\E\d", r"\\d\d"),
            (r"\\Qa", r"\\Qa"),
            (r"a{", r"a\{"),
            (r"a{b}{,3}{1,x}", r"a\{b}\{,3}\{1,x}"),
            (r"a{2}b{2,}c{2,3}", r"a{2}b{2,}c{2,3}"),
            (r"\p{Greek}\x{41}\PL{2}", r"\p{Greek}\x{41}\PL{2}"),
            (r"[a[b&&c~~d]{", r"[a\[b\&\&c\~\~d]\{"),
            (r"[]{][^]\]{][[:alpha:]{]", r"[]{][^]\]{][[:alpha:]{]"),
            (r"[\p{L}&]", r"[\p{L}\&]"),
            ("[é", "[é"),
            ("é\\", "é\\"),
        ] {
            assert_eq!(translated(expression), translation, "{expression}");
        }
    }

    #[test]
    fn what_matches_is_what_it_says() {
        let matches = |expression: &str, name: &str| compile(expression).unwrap().is_match(name);
        assert!(matches(r"\Qorders.eu\E-\d+", "orders.eu-17"));
        assert!(!matches(r"\Qorders.eu\E-\d+", "orders-eu-17"));
        assert!(matches("a{", "a{") && matches("[a&&b]+", "a&b"));
        for wrong in ["[", "(", "a)|(b", "*", r"\E", r"[\Qa\E]", r"\"] {
            assert!(compile(wrong).is_err(), "{wrong}");
        }
    }
}
