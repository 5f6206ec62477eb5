//! IMF-fixdate, the one form of dates that is written (RFC 9110 §5.6.7).

const DAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed"; // the first of January 1970 was a Thursday
pub(crate) const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
pub(crate) const DAY_SECONDS: u64 = 86_400;
/// 9999-12-31T23:59:59Z: the form has four digits for the year.
const LAST: u64 = 253_402_300_799;

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(super) fn imf_fixdate(unix_seconds: u64) -> [u8; 29] {
    let seconds = unix_seconds.min(LAST);
    let days = seconds / DAY_SECONDS;
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let weekday = (days % 7) as usize * 3;
    text[..3].copy_from_slice(&DAYS[weekday..weekday + 3]);
    two_digits(&mut text, 5, day);
    let name = (month as usize - 1) * 3;
    text[8..11].copy_from_slice(&MONTHS[name..name + 3]);
    two_digits(&mut text, 12, year / 100);
    two_digits(&mut text, 14, year % 100);
    two_digits(&mut text, 17, seconds / 3600 % 24);
    two_digits(&mut text, 20, seconds / 60 % 60);
    two_digits(&mut text, 23, seconds % 60);
    text
}

/// Year, month and day of a day since 1970, reckoned in years that begin in March, so that the leap day is the last
/// of its year, and in eras of 400 years, after which the calendar repeats.
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    const ERA_DAYS: u64 = 146_097;
    const DAYS_TO_1970: u64 = 719_468; // since the first of March of year 0
    let days = days + DAYS_TO_1970;
    let era = days / ERA_DAYS;
    let day_of_era = days % ERA_DAYS;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

fn two_digits(text: &mut [u8; 29], at: usize, value: u64) {
    text[at] = b'0' + (value / 10) as u8;
    text[at + 1] = b'0' + (value % 10) as u8;
}
