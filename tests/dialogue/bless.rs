//! Writes down what was seen in place of what was expected, for a person to read and to judge.

use crate::play::Correction;
use crate::script::BLOCK_START;

/// The file's text with its corrections.
pub fn corrected(text: &str, corrections: &[Correction]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // From the end, so that the places of the others stay as they are.
    for correction in corrections.iter().rev() {
        let block = correction.lines.iter();
        let block = block.map(|line| format!("{BLOCK_START}{line}").trim_end().to_owned());
        lines.splice(correction.block.clone(), block);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_replaced_where_they_stand() {
        let text = "== A.\nclient sees\n  | a\n  | b\nout1 sees\n  | c\n";
        let correction = |block, lines: &[&str]| Correction {
            block,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let corrections = [correction(2..4, &["x"]), correction(5..6, &["", "z"])];
        let wanted = "== A.\nclient sees\n  | x\nout1 sees\n  |\n  | z\n";
        assert_eq!(corrected(text, &corrections), wanted);
    }
}
