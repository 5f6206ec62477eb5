//! What the operator wants said instead of HALB's own words (`error_files`).

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// A longer file is refused. Head and body leave together in one large buffer of 64 KiB.
pub const ERROR_PAGE_BYTES_MAX: usize = 60_000;

/// One such page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// For `Content-Type`.
    pub media_type: &'static str,
    /// May be empty.
    pub body: Arc<[u8]>,
}

impl ErrorPage {
    /// The page in the file at `path`, or how long it is when that is too long.
    pub fn new(path: &Path, bytes: Vec<u8>) -> Result<ErrorPage, usize> {
        if bytes.len() > ERROR_PAGE_BYTES_MAX {
            return Err(bytes.len());
        }
        Ok(ErrorPage {
            media_type: media_type(path, std::str::from_utf8(&bytes).is_ok()),
            body: bytes.into(),
        })
    }
}

/// One line of `error_files`: the file, and what was in it when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorFile {
    pub path: PathBuf,
    pub page: ErrorPage,
}

/// The pages by their statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorPages {
    pages: BTreeMap<u16, ErrorPage>,
}

impl ErrorPages {
    /// The page to `status`; `None`: HALB says it in its own words.
    pub fn page(&self, status: u16) -> Option<&ErrorPage> {
        self.pages.get(&status)
    }
}

impl FromIterator<(u16, ErrorPage)> for ErrorPages {
    fn from_iter<T: IntoIterator<Item = (u16, ErrorPage)>>(pages: T) -> ErrorPages {
        ErrorPages {
            pages: pages.into_iter().collect(),
        }
    }
}

/// What the file's name says it is; pages are HTML unless it says otherwise. Which letters a text is made of is said
/// only when it is certain: without that a browser looks into the page (`<meta charset>`).
fn media_type(path: &Path, is_utf8: bool) -> &'static str {
    let suffix = path.extension().unwrap_or_default().to_ascii_lowercase();
    match (suffix.to_str().unwrap_or_default(), is_utf8) {
        ("json", _) => "application/json",
        ("xml", _) => "application/xml",
        ("txt", true) => "text/plain; charset=utf-8",
        ("txt", false) => "text/plain",
        (_, true) => "text/html; charset=utf-8",
        (_, false) => "text/html",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_suffix_says() {
        for (path, utf8, other) in [
            ("/a.html", "text/html; charset=utf-8", "text/html"),
            ("/a.HTM", "text/html; charset=utf-8", "text/html"),
            ("/a.http", "text/html; charset=utf-8", "text/html"),
            ("/txt", "text/html; charset=utf-8", "text/html"),
            ("/a.txt", "text/plain; charset=utf-8", "text/plain"),
            ("/a.json", "application/json", "application/json"),
            ("/a.Xml", "application/xml", "application/xml"),
        ] {
            for (bytes, expected) in [("p\u{e1}gina".as_bytes(), utf8), (b"p\xe1gina", other)] {
                let page = ErrorPage::new(Path::new(path), bytes.to_vec()).unwrap();
                assert_eq!((page.media_type, &*page.body), (expected, bytes), "{path}");
            }
        }
    }

    #[test]
    fn how_long_a_page_may_be() {
        for (length, expected) in [
            (0, Ok(0)),
            (ERROR_PAGE_BYTES_MAX, Ok(ERROR_PAGE_BYTES_MAX)),
            (ERROR_PAGE_BYTES_MAX + 1, Err(ERROR_PAGE_BYTES_MAX + 1)),
        ] {
            let got = ErrorPage::new(Path::new("/a"), vec![b'a'; length]);
            assert_eq!(got.map(|page| page.body.len()), expected);
        }
    }

    #[test]
    fn a_status_without_a_page_has_none() {
        let page = ErrorPage::new(Path::new("/a"), Vec::new()).unwrap();
        let pages: ErrorPages = [(503, page.clone())].into_iter().collect();
        assert_eq!(pages.page(503), Some(&page));
        assert_eq!(pages.page(502), None);
    }
}
