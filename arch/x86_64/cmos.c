// SPDX-License-Identifier: MIT
// The CMOS real-time clock (MC146818): read once, for the wall clock at boot.

#include <hv/string.h>

#include <asm/io.h>
#include <asm/machine.h>

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

#define RTC_SECONDS  0
#define RTC_MINUTES  2
#define RTC_HOURS    4
#define RTC_DAY      7
#define RTC_MONTH    8
#define RTC_YEAR     9
#define RTC_STATUS_A 0xa
#define RTC_STATUS_B 0xb

#define STATUS_A_UPDATING 0x80
#define STATUS_B_24_HOURS 0x02
#define STATUS_B_BINARY   0x04
#define HOURS_PM          0x80

#define UPDATE_WAIT_LIMIT 10000 // an update takes 2 ms; a port read 1 us at most
#define READ_ATTEMPTS     5

enum rtc_field { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, NR_FIELDS };

static uint8_t cmos_read(uint8_t reg)
{
    outb(CMOS_INDEX, reg);
    return inb(CMOS_DATA);
}

static void read_fields(uint8_t fields[NR_FIELDS], unsigned century_register)
{
    static const uint8_t registers[] = {RTC_SECONDS, RTC_MINUTES, RTC_HOURS, RTC_DAY, RTC_MONTH, RTC_YEAR};

    for (unsigned i = 0; i < UPDATE_WAIT_LIMIT && (cmos_read(RTC_STATUS_A) & STATUS_A_UPDATING); i++)
        ;
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++)
        fields[i] = cmos_read(registers[i]);
    fields[CENTURY] = century_register ? cmos_read(century_register) : 0;
}

static unsigned from_bcd(uint8_t value)
{
    return (value >> 4) * 10 + (value & 0xf);
}

// Days from 1970-01-01 to a date of the Gregorian calendar. A year begins in March here, so that the leap day
// is last.
static int64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    uint64_t y = year - (month <= 2), m = (month + 9) % 12;

    return (int64_t)(365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1) - 719468;
}

// 0 for a date that cannot be.
static int64_t to_seconds(const uint8_t fields[NR_FIELDS], uint8_t status_b)
{
    bool half_days = !(status_b & STATUS_B_24_HOURS);
    unsigned v[NR_FIELDS];

    for (unsigned i = 0; i < NR_FIELDS; i++) {
        uint8_t raw = i == HOUR && half_days ? fields[i] & ~HOURS_PM : fields[i];

        v[i] = status_b & STATUS_B_BINARY ? raw : from_bcd(raw);
    }
    if (half_days)
        v[HOUR] = v[HOUR] % 12 + (fields[HOUR] & HOURS_PM ? 12 : 0);
    if (v[CENTURY] < 19 || v[CENTURY] > 29) // no such register, or not a century
        v[CENTURY] = 20;
    if (v[SECOND] > 59 || v[MINUTE] > 59 || v[HOUR] > 23 || v[DAY] < 1 || v[DAY] > 31 || v[MONTH] < 1 ||
        v[MONTH] > 12 || v[YEAR] > 99)
        return 0;
    int64_t days = days_since_1970(v[CENTURY] * 100 + v[YEAR], v[MONTH], v[DAY]);
    return ((days * 24 + v[HOUR]) * 60 + v[MINUTE]) * 60 + v[SECOND];
}

int64_t cmos_read_time(unsigned century_register)
{
    uint8_t fields[NR_FIELDS], again[NR_FIELDS];

    // An update may start between two reads: believe what is read twice.
    read_fields(fields, century_register);
    for (unsigned i = 0; i < READ_ATTEMPTS; i++) {
        read_fields(again, century_register);
        if (memcmp(fields, again, sizeof(fields)) == 0)
            break;
        memcpy(fields, again, sizeof(fields));
    }
    return to_seconds(fields, cmos_read(RTC_STATUS_B));
}
