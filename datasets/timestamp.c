/* timestamp.c - dates of the Gregorian calendar as nanoseconds. */
#include "datasets/timestamp.h"

#include "base/units.h"

static bool digits_read(const char **p, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (**p < '0' || **p > '9') {
            return false;
        }
        *value = *value * 10 + (**p - '0');
    }
    return true;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar: years are counted from March, so that
 * a leap day is the last day of its year. */
static int64_t days_of_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t days_before_month = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
    return 365 * y + y / 4 - y / 100 + y / 400 + days_before_month + day - 1 - 719468;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

bool timestamp_read(const char *text, int64_t *ns)
{
    const char *p = text;
    int year, month, day, hour, minute, second;
    if (!digits_read(&p, 4, &year) || *p++ != '-' || !digits_read(&p, 2, &month) || *p++ != '-' ||
        !digits_read(&p, 2, &day) || (*p != ' ' && *p != 'T') || *p++ == '\0' ||
        !digits_read(&p, 2, &hour) || *p++ != ':' || !digits_read(&p, 2, &minute) || *p++ != ':' ||
        !digits_read(&p, 2, &second)) {
        return false;
    }
    if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 ||
        day > days_of_month(year, month) || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    int64_t fraction = 0;
    if (*p == '.') {
        int64_t unit = NS_PER_S / 10;
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10) {
            if (unit == 0) {
                return false;
            }
            fraction += unit * (*p - '0');
        }
    }
    int64_t offset_s = 0;
    if (*p == 'Z') {
        p++;
    } else if (*p == '+' || *p == '-') {
        int sign = *p++ == '+' ? 1 : -1;
        int off_hour, off_minute;
        if (!digits_read(&p, 2, &off_hour) || *p++ != ':' || !digits_read(&p, 2, &off_minute)) {
            return false;
        }
        offset_s = sign * (off_hour * 3600 + off_minute * 60);
    }
    int64_t s = days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *ns = (s - offset_s) * NS_PER_S + fraction;
    return *p == '\0';
}
