//! Two lists of lines, and where they differ.

/// What differs between two lists of lines.
pub struct Diff {
    pub is_same: bool,
    /// All lines: those of both, those of the first only with `-`, those of the second only with `+`.
    pub text: String,
}

pub fn diff(first: &[String], second: &[String]) -> Diff {
    let (rows, columns) = (first.len(), second.len());
    // How many lines the rest of each have in common.
    let mut common = vec![vec![0usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = match first[row] == second[column] {
                true => common[row + 1][column + 1] + 1,
                false => common[row + 1][column].max(common[row][column + 1]),
            };
        }
    }
    let (mut row, mut column, mut text) = (0, 0, String::new());
    while row < rows || column < columns {
        let both = row < rows && column < columns && first[row] == second[column];
        let is_first =
            row < rows && (column == columns || common[row + 1][column] >= common[row][column + 1]);
        let (mark, line) = match both {
            true => (' ', &first[row]),
            false if is_first => ('-', &first[row]),
            false => ('+', &second[column]),
        };
        row += usize::from(both || is_first);
        column += usize::from(both || !is_first);
        text += &format!("{mark} {line}\n");
    }
    Diff { is_same: first == second, text }
}

#[test]
fn the_differences_of_two_lists_are_shown_where_they_are() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let diff = diff(&lines("a b c d"), &lines("a x c d e"));
    assert_eq!(diff.text, "  a\n- b\n+ x\n  c\n  d\n+ e\n");
    assert!(!diff.is_same);
}
