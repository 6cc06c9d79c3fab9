//! As much of the hunting language as is asked here: tables, `union`, `where`, `extend`, `summarize`, `getschema`. Pure.

/// A query: where its rows come from, and what is done to them, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// Where the rows come from.
    pub(super) source: Source,
    /// What is done to them.
    pub(super) steps: Vec<Step>,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A table.
    Table(String),
    /// Several queries.
    Union {
        /// Whether a table that does not exist is passed over.
        is_fuzzy: bool,
        /// The column that tells where a row is from.
        with_source: Option<String>,
        /// The queries.
        members: Vec<Query>,
    },
}

/// What is done to rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The columns instead of the rows.
    Schema,
    /// Some rows only.
    Where(String),
    /// One more column with the same text in each row.
    Label(String, String),
    /// Aggregates.
    Summarize {
        /// Name of the column and expression.
        columns: Vec<(String, String)>,
        /// The column that tells groups apart.
        by: Option<String>,
    },
    /// Something that changes nothing here.
    Other,
}

/// Reads a query; none for what is not understood.
#[must_use]
pub(super) fn parse(text: &str) -> Option<Query> {
    let mut stages = split(text, '|').into_iter();
    let source = source(stages.next()?)?;
    Some(Query { source, steps: stages.map(step).collect::<Option<_>>()? })
}

fn source(text: &str) -> Option<Source> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let inner = parse(inner)?;
        return Some(Source::Union { is_fuzzy: false, with_source: None, members: vec![inner] });
    }
    let Some(rest) = word(text, "union") else { return is_name(text).then(|| Source::Table(text.to_owned())) };
    let mut rest = rest.trim_start();
    let (mut is_fuzzy, mut with_source) = (false, None);
    while let Some((option, after)) = rest.split_once(char::is_whitespace).filter(|(option, _)| option.contains('=')) {
        match option.split_once('=')? {
            ("isfuzzy", value) => is_fuzzy = value == "true",
            ("withsource", column) => with_source = Some(column.to_owned()),
            _ => {}
        }
        rest = after.trim_start();
    }
    let members = split(rest, ',').into_iter().map(member).collect::<Option<Vec<_>>>()?;
    Some(Source::Union { is_fuzzy, with_source, members })
}

fn member(text: &str) -> Option<Query> {
    let text = text.trim();
    match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => parse(inner),
        None => parse(text),
    }
}

fn step(text: &str) -> Option<Step> {
    let text = text.trim();
    if text == "getschema" {
        return Some(Step::Schema);
    }
    if let Some(condition) = word(text, "where") {
        return Some(Step::Where(condition.to_owned()));
    }
    if let Some(rest) = word(text, "extend") {
        let (name, value) = rest.split_once('=')?;
        let literal = value.trim().trim_matches(['"', '\'']);
        return Some(Step::Label(name.trim().to_owned(), literal.to_owned()));
    }
    if let Some(rest) = word(text, "summarize") {
        let (aggregates, by) = match rest.rsplit_once(" by ") {
            Some((aggregates, by)) => (aggregates, Some(by.trim().to_owned())),
            None => (rest, None),
        };
        let columns = split(aggregates, ',').into_iter().map(aggregate).collect();
        return Some(Step::Summarize { columns, by });
    }
    text.chars().next().is_some_and(char::is_alphabetic).then_some(Step::Other)
}

/// `NAME = max(Timestamp)`; without a name the language makes one, such as `max_Timestamp`.
fn aggregate(text: &str) -> (String, String) {
    match text.split_once('=') {
        Some((name, expression)) => (name.trim().to_owned(), expression.trim().to_owned()),
        None => (text.trim().trim_end_matches(')').replace('(', "_"), text.trim().to_owned()),
    }
}

/// What follows a word at the beginning.
fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.strip_prefix(word).filter(|rest| rest.starts_with(|letter: char| letter.is_whitespace() || letter == '('))
}

fn is_name(text: &str) -> bool {
    text.starts_with(char::is_alphabetic) && text.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

/// Splits where the separator stands outside of brackets and quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_u32, None);
    for (place, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, letter) if letter == separator && depth == 0 => {
                parts.extend(text.get(start..place));
                start = place + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}
