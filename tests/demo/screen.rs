//! What is printed: lines that stay, and a block at the bottom that is drawn again and again.
//!
//! Handsome in a terminal; no colours, no redrawing and one line a change when piped, under `NO_COLOR` or on a dumb
//! terminal.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::process::Command;

/// Lines are not made longer than this, however wide the terminal is: nobody reads 200 characters with pleasure.
const WIDEST: usize = 112;
/// What a terminal has that does not tell.
const USUAL: (usize, usize) = (24, 80);
/// A live table in fewer lines than this would scroll away.
const LEAST_HEIGHT: usize = 14;
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// How a text is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// It waits for somebody, and should.
    Attention,
    /// Not possible, or not as promised.
    Bad,
    /// Work goes on.
    Busy,
    /// Said by the way.
    Quiet,
    /// A heading.
    Strong,
    /// What somebody does.
    Act,
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Screen {
    fancy: bool,
    width: usize,
    drawn: usize,
    frame: usize,
}

impl Screen {
    /// The terminal or pipe behind standard output.
    pub(crate) fn new(plain: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let (height, width) = size();
        let fancy = !plain && !dumb && !no_colour && height >= LEAST_HEIGHT && std::io::stdout().is_terminal();
        let screen = Self { fancy, width, drawn: 0, frame: 0 };
        if fancy {
            put("\x1b[?25l");
        }
        screen
    }

    /// Whether lines may be drawn again.
    pub(crate) fn is_live(&self) -> bool {
        self.fancy
    }

    /// How many characters a line has; without a terminal there is no end.
    pub(crate) fn width(&self) -> usize {
        if self.fancy { self.width.min(WIDEST) } else { usize::MAX }
    }

    /// The text in the colour of its tone.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Attention => "33",
            Tone::Bad => "31",
            Tone::Busy => "36",
            Tone::Quiet => "2",
            Tone::Strong => "1",
            Tone::Act => "35",
        };
        if self.fancy { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A sign of the tone, one character wide in a terminal, and four, in letters, elsewhere.
    pub(crate) fn sign(&self, tone: Tone) -> String {
        let (sign, plain) = match tone {
            Tone::Good => ("✓", "ok  "),
            Tone::Attention => ("◆", "wait"),
            Tone::Bad => ("✗", "no  "),
            Tone::Busy => (SPINNER.get(self.frame % SPINNER.len()).copied().unwrap_or("·"), "..  "),
            Tone::Act => ("▸", ">   "),
            Tone::Quiet | Tone::Strong => (" ", "    "),
        };
        if self.fancy { self.paint(tone, sign) } else { plain.to_owned() }
    }

    /// How many characters a sign has.
    pub(crate) fn sign_width(&self) -> usize {
        if self.fancy { 1 } else { 4 }
    }

    /// A line that stays.
    pub(crate) fn say(&mut self, line: &str) {
        self.erase();
        put(&format!("{line}\n"));
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) {
        self.say("");
    }

    /// The name of the whole, and what it is.
    pub(crate) fn title(&mut self, name: &str, what: &str) {
        self.blank();
        let name = self.paint(Tone::Strong, name);
        self.say(&name);
        let what = self.paint(Tone::Quiet, what);
        self.say(&what);
    }

    /// The heading of a part, and why it is worth seeing.
    pub(crate) fn heading(&mut self, name: &str, why: &str) {
        self.blank();
        let name = self.paint(Tone::Strong, name);
        self.say(&name);
        for line in wrapped(why, self.width().saturating_sub(2)) {
            let line = self.paint(Tone::Quiet, &line);
            self.say(&format!("  {line}"));
        }
    }

    /// A paragraph after a label; further lines stand under its first.
    pub(crate) fn paragraph(&mut self, label: &str, indent: usize, text: &str) {
        for (index, line) in wrapped(text, self.width().saturating_sub(indent)).into_iter().enumerate() {
            let lead = if index == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.say(&format!("{lead}{line}"));
        }
    }

    /// A step that something has taken, in a word and a sentence.
    pub(crate) fn step(&mut self, tone: Tone, word: &str, sentence: &str) {
        // A step that has been told does not turn any more.
        let sign = if self.fancy && tone == Tone::Busy { self.paint(tone, "·") } else { self.sign(tone) };
        let word = self.paint(tone, &fitted(word, 15));
        self.paragraph(&format!("  {sign} {word} "), 2 + self.sign_width() + 1 + 15 + 1, sentence);
    }

    /// Replaces the block at the bottom; nothing where lines cannot be drawn again.
    pub(crate) fn live(&mut self, lines: &[String]) {
        if !self.fancy {
            return;
        }
        self.erase();
        self.frame = self.frame.wrapping_add(1);
        put(&lines.iter().fold(String::new(), |text, line| text + line + "\n"));
        self.drawn = lines.len();
    }

    /// Lets the block at the bottom stay as it is.
    pub(crate) fn keep_live(&mut self) {
        self.drawn = 0;
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            put(&format!("\x1b[{}A\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.fancy {
            put("\x1b[?25h");
        }
    }
}

fn put(text: &str) {
    let mut output = std::io::stdout().lock();
    // A reader that has gone away is no reason to leave the story unfinished: the exit code still counts.
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Rows and columns of the terminal.
fn size() -> (usize, usize) {
    let asked = File::open("/dev/tty")
        .and_then(|terminal| Command::new("stty").arg("size").stdin(terminal).output())
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let mut numbers = asked.split_whitespace().filter_map(|number| number.parse().ok()).filter(|number| *number > 0);
    (numbers.next().unwrap_or(USUAL.0), numbers.next().unwrap_or(USUAL.1))
}

/// The text in lines of at most `width` characters, broken between words.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The text in exactly `width` characters.
pub(crate) fn fitted(text: &str, width: usize) -> String {
    let clipped = clipped(text, width);
    let missing = width.saturating_sub(clipped.chars().count());
    format!("{clipped}{}", " ".repeat(missing))
}

/// The text in at most `width` characters.
pub(crate) fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
