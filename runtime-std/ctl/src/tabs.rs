//! Columns, aligned as Go's tabwriter aligns them.

/// Blanks after the widest cell of a column.
const PADDING: usize = 2;

/// Aligns the cells of lines. Each cell of a line that ends with a tab belongs to a column; a
/// column is as wide as its widest cell in consecutive lines, and text after the last tab is free.
pub(crate) fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths = vec![Vec::new(); lines.len()];
    let most = lines.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..most {
        let has = |line: usize| lines[line].len() > column + 1;
        let mut line = 0;
        while line < lines.len() {
            if !has(line) {
                line += 1;
                continue;
            }
            let end = (line..lines.len()).find(|line| !has(*line)).unwrap_or(lines.len());
            let width = (line..end).map(|line| lines[line][column].chars().count()).max();
            // A column without any text takes no room.
            let width = width.filter(|width| *width > 0).map_or(0, |width| width + PADDING);
            for widths in &mut widths[line..end] {
                widths.push(width);
            }
            line = end;
        }
    }
    let mut out = String::new();
    for (i, (cells, widths)) in lines.iter().zip(&widths).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        for (column, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(column) {
                let rest = width.saturating_sub(cell.chars().count());
                out.extend(std::iter::repeat_n(' ', rest));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_blocks() {
        assert_eq!(align("a\tb\t\nlonger\tü\t\n"), "a       b  \nlonger  ü  \n");
        assert_eq!(align("a\t\nno cells\nlonger\t\n"), "a  \nno cells\nlonger  \n");
        assert_eq!(align("a\t\tb\nc\t\td"), "a  b\nc  d");
    }

    proptest! {
        #[test]
        fn cells_stay(text in "[a-c\t\n]{0,40}") {
            let kept = |text: &str| text.replace(['\t', ' '], "");
            prop_assert_eq!(kept(&align(&text)), kept(&text));
        }
    }
}
