//! Foreign text on its way to a person, and our text on its way into an address. Pure.

use std::fmt::Write;

use crate::plan::visible::is_unseen;

/// How many characters of foreign text a message shows.
const SHOWN: usize = 300;
/// How many bytes it may take: most alphabets take more than one a character, and a status has several such texts.
const SHOWN_BYTES: usize = 400;
/// How many characters and bytes of an error code are shown: those that are documented are words.
const CODE: usize = 64;

/// Foreign text, fit for a condition, an event and a terminal: control and format characters (Unicode categories Cc
/// and Cf) are gone, white space is one blank, and after 300 characters or 400 bytes it ends in an ellipsis.
#[must_use]
pub fn clean(text: &str) -> String {
    cleaned(text, SHOWN, SHOWN_BYTES)
}

/// The same for an error code, which ends after 64 bytes.
#[must_use]
pub fn clean_code(code: &str) -> String {
    cleaned(code, CODE, CODE)
}

fn cleaned(text: &str, characters: usize, bytes: usize) -> String {
    let mut shown = String::new();
    let mut count = 0;
    let mut is_blank_due = false;
    for character in text.chars() {
        if character.is_whitespace() {
            is_blank_due = !shown.is_empty();
        } else if !is_unseen(character) {
            let blank = usize::from(is_blank_due);
            if count + blank >= characters || shown.len() + blank + character.len_utf8() > bytes {
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
