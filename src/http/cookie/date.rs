//! Dates in cookies: whatever servers write, read as RFC 6265 §5.1.1 says.

/// Seconds since 1970 of a cookie's date. `None`: it is none.
pub(super) fn cookie_date(text: &[u8]) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)) {
        // What has been found is not looked for again, so that the second number can be the year.
        if time.is_none()
            && let Some(found) = time_of(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some((found, _)) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some((found, _)) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        year @ 0..70 => 2000 + year,
        year @ 70..100 => 1900 + year,
        year => year,
    };
    let (day, month) = (day?, month?);
    if year < 1601 || day < 1 || day > month_days(year, month) {
        return None;
    }
    Some(days(year, month, day) * 86_400 + time?)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

/// Seconds of the day, from `hours:minutes:seconds`.
fn time_of(token: &[u8]) -> Option<i64> {
    let (hours, rest) = number(token, 1, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(b":")?, 1, 2)?;
    let (seconds, _) = number(rest.strip_prefix(b":")?, 1, 2)?;
    (hours < 24 && minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

fn month_of(token: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8; 3]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    let name = token.first_chunk::<3>()?;
    let same = |month: &&[u8; 3]| name.eq_ignore_ascii_case(*month);
    MONTHS.iter().position(same).map(|index| index as i64 + 1)
}

/// A number of `least` to `most` digits that no further digit follows, and what does follow.
fn number(token: &[u8], least: usize, most: usize) -> Option<(i64, &[u8])> {
    let length = token
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if !(least..=most).contains(&length) {
        return None;
    }
    let (digits, rest) = token.split_at(length);
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some((value, rest))
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970, reckoned in years that begin in March, so that the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_TO_1970: i64 = 719_468; // since the first of March of year 0
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_TO_1970
}
