//! Foreign text on its way to a person, and our text on its way into an address. Pure.

use std::fmt::Write;

/// How many characters of foreign text a message shows.
const SHOWN: usize = 300;

/// Foreign text, fit for a condition, an event and a terminal: control and format characters (Unicode categories Cc
/// and Cf) are gone, white space is one blank, and after 300 characters it ends in an ellipsis.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut shown = String::new();
    let mut count = 0;
    let mut is_blank_due = false;
    for character in text.chars() {
        if character.is_whitespace() {
            is_blank_due = !shown.is_empty();
        } else if !character.is_control() && !is_format(character) {
            if count + usize::from(is_blank_due) >= SHOWN {
                shown.push('…');
                break;
            }
            if is_blank_due {
                shown.push(' ');
                count += 1;
                is_blank_due = false;
            }
            shown.push(character);
            count += 1;
        }
    }
    shown
}

/// Unicode 16, general category Cf: invisible, and able to reorder or hide what surrounds it.
const fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, so that every server reads back the same
/// bytes. (The encoding of HTML forms writes a blank as `+`, which not every server takes for a blank.)
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
