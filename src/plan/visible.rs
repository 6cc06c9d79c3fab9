//! Text of others, fit to be shown: without what is not seen. Pure.

/// Text in one line without control and format characters (Unicode general categories Cc and Cf): a terminal obeys them
/// instead of showing them, or they hide or reorder what surrounds them. White space, line breaks too, becomes blanks.
#[must_use]
pub fn visible(text: &str) -> String {
    let blank = |character: char| if character.is_whitespace() { ' ' } else { character };
    text.chars().map(blank).filter(|character| !is_unseen(*character)).collect()
}

/// Whether a character is of category Cc or Cf in Unicode 16.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Category Cf of `UnicodeData.txt`, version 16, first and last of each run.
    const FORMAT: [(u32, u32); 21] = [
        (0xad, 0xad),
        (0x600, 0x605),
        (0x61c, 0x61c),
        (0x6dd, 0x6dd),
        (0x70f, 0x70f),
        (0x890, 0x891),
        (0x8e2, 0x8e2),
        (0x180e, 0x180e),
        (0x200b, 0x200f),
        (0x202a, 0x202e),
        (0x2060, 0x2064),
        (0x2066, 0x206f),
        (0xfeff, 0xfeff),
        (0xfff9, 0xfffb),
        (0x110bd, 0x110bd),
        (0x110cd, 0x110cd),
        (0x13430, 0x1343f),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0001, 0xe0001),
        (0xe0020, 0xe007f),
    ];

    #[test]
    fn every_control_and_format_character_is_unseen() {
        let controls = (0..0x20).chain(0x7f..0xa0);
        let odd = controls.chain(FORMAT.into_iter().flat_map(|(first, last)| first..=last));
        for code in odd {
            assert!(is_unseen(char::from_u32(code).unwrap()), "U+{code:04X}");
        }
    }

    #[test]
    fn what_people_write_is_seen() {
        for text in ["Region EU, Größe 5 – “日本”", "नमस्ते", "שלום", "e\u{301}", "𐐷", "\u{fffd}", "\u{e000}"]
        {
            assert_eq!(visible(text), text);
        }
        assert_eq!(visible("one\r\ntwo\tthree\u{85}\u{2028}four"), "one  two three  four");
    }
}
