"""Cuts one business day out of a grocery week, and checks the expected reports of a day.

usage: cut_day.py WEEK DATE DAY    writes the CSV files of that date, and DAY/expected/, from the directory WEEK
       cut_day.py --check DAY      computes every expected row again from DAY's own input and compares it

Only Python's standard library is needed. The expected reports are cut from the week's; stock alone is computed here,
because the week's is that of its end. The check shares nothing with Daybook: it is SQL over whole numbers (amounts in
cents, quantities in thousandths), so that no rounding can hide a difference.
"""

import csv
import datetime
import pathlib
import sqlite3
import sys
import zoneinfo

INPUTS = ["suppliers", "stores", "items", "deliveries", "sales", "tenders"]
DATED_REPORTS = ["store_days", "store_day_items", "supplier_days", "supplier_day_items"]
# Decimal places by column; every other column is text.
CENTS, THOUSANDTHS = 2, 3
PLACES = {"unit_cost": CENTS, "gross_amount": CENTS, "discount_amount": CENTS, "amount": CENTS, "quantity": THOUSANDTHS}

# The lines of the day under one shape. A delivery's cost is rounded half to even, once, at the line.
LINES = """
CREATE VIEW sold AS
    SELECT sales.*, supplier_id, gross_amount - discount_amount AS net_amount
    FROM sales JOIN items USING (item_id);
CREATE VIEW received AS
    SELECT store_id, supplier_id, delivery_note, item_id, quantity,
        exact / 1000 + (exact % 1000 > 500 OR (exact % 1000 = 500 AND exact / 1000 % 2 = 1)) AS cost
    FROM (SELECT *, quantity * unit_cost AS exact FROM deliveries);
CREATE VIEW lines AS
    SELECT store_id, supplier_id, item_id, 1 AS sale, receipt_no, NULL AS delivery_note, quantity AS sold_quantity,
        gross_amount, discount_amount, net_amount, 0 AS received_quantity, 0 AS cost
    FROM sold
    UNION ALL
    SELECT store_id, supplier_id, item_id, 0, NULL, delivery_note, 0, 0, 0, 0, quantity, cost
    FROM received;
"""

# In the column order of the files; a :d is the date.
REPORTS = {
    "store_days": """
        SELECT store_id, :d, count(DISTINCT receipt_no), sum(sale), cents(sum(gross_amount)),
            cents(sum(discount_amount)), cents(sum(net_amount)),
            cents(coalesce((SELECT sum(amount) FROM tenders
                WHERE tenders.store_id = lines.store_id AND tender = 'MANUFACTURER_COUPON'), 0)),
            count(DISTINCT delivery_note), cents(sum(cost))
        FROM lines GROUP BY store_id""",
    "store_day_items": """
        SELECT store_id, :d, item_id, quantity(sum(sold_quantity)), cents(sum(gross_amount)),
            cents(sum(discount_amount)), cents(sum(net_amount)), quantity(sum(received_quantity))
        FROM lines GROUP BY store_id, item_id""",
    "supplier_days": """
        SELECT supplier_id, :d, count(DISTINCT CASE WHEN sale THEN store_id END), quantity(sum(sold_quantity)),
            cents(sum(gross_amount)), cents(sum(discount_amount)), cents(sum(net_amount)),
            count(DISTINCT delivery_note), quantity(sum(received_quantity)), cents(sum(cost))
        FROM lines GROUP BY supplier_id""",
    "supplier_day_items": """
        SELECT supplier_id, :d, item_id, quantity(sum(sold_quantity)), cents(sum(net_amount)),
            quantity(sum(received_quantity)), cents(sum(cost))
        FROM lines GROUP BY supplier_id, item_id""",
    "stock": """
        SELECT store_id, item_id, quantity(sum(received_quantity) - sum(sold_quantity))
        FROM lines GROUP BY store_id, item_id""",
}


def read(path):
    """The header and the rows of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        return next(rows), list(rows)


def write(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def scaled(text, places):
    """A decimal number as a whole number of its last place; more places than that are an error."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, _, fraction = digits.partition(".")
    if len(fraction) > places:
        raise ValueError(f"{text} has more than {places} decimal places")
    return sign * int(whole + fraction.ljust(places, "0"))


def decimal(number, places):
    sign = "-" if number < 0 else ""
    whole, fraction = divmod(abs(number), 10**places)
    return f"{sign}{whole}.{fraction:0{places}}"


def cents(number):
    return decimal(number, CENTS)


def quantity(number):
    """Thousandths as they are written in the files: no zeros at the end."""
    return decimal(number, THOUSANDTHS).rstrip("0").rstrip(".")


def business_dates(stores):
    """A function from store id and instant to the store's business date; days are cut at midnight, local time."""
    header, rows = stores
    zone_of = {row[header.index("store_id")]: row[header.index("time_zone")] for row in rows}

    def business_date(store, instant):
        moment = datetime.datetime.fromisoformat(instant.replace("Z", "+00:00"))
        return moment.astimezone(zoneinfo.ZoneInfo(zone_of[store])).date().isoformat()

    return business_date


def cut(week, date, day):
    (day / "expected").mkdir(parents=True, exist_ok=True)
    tables = {name: read(week / f"{name}.csv") for name in INPUTS}
    business_date = business_dates(tables["stores"])
    for name, instant in (("deliveries", "delivered_at"), ("sales", "sold_at")):
        header, rows = tables[name]
        store, at = header.index("store_id"), header.index(instant)
        rows[:] = [row for row in rows if business_date(row[store], row[at]) == date]
    header, rows = tables["sales"]
    receipts = {(row[header.index("store_id")], row[header.index("receipt_no")]) for row in rows}
    header, rows = tables["tenders"]
    store, receipt = header.index("store_id"), header.index("receipt_no")
    rows[:] = [row for row in rows if (row[store], row[receipt]) in receipts]
    for name, (header, rows) in tables.items():
        write(day / f"{name}.csv", header, rows)
    for name in DATED_REPORTS:
        header, rows = read(week / "expected" / f"{name}.csv")
        at = header.index("business_date")
        write(day / "expected" / f"{name}.csv", header, [row for row in rows if row[at] == date])
    header, _ = read(week / "expected" / "stock.csv")
    stock = {}
    for name, sign in (("deliveries", 1), ("sales", -1)):
        columns, rows = tables[name]
        store, item, amount = (columns.index(c) for c in ("store_id", "item_id", "quantity"))
        for row in rows:
            key = (int(row[store]), int(row[item]))
            stock[key] = stock.get(key, 0) + sign * scaled(row[amount], THOUSANDTHS)
    write(day / "expected" / "stock.csv", header, [[*key, quantity(stock[key])] for key in sorted(stock)])


def load(day):
    """A database in memory with the day's input, and the day's date."""
    database = sqlite3.connect(":memory:")
    for name in INPUTS:
        header, rows = read(day / f"{name}.csv")
        columns = ", ".join(f"{c} {'INTEGER' if c in PLACES else 'TEXT'}" for c in header)
        database.execute(f"CREATE TABLE {name} ({columns})")
        places = [PLACES.get(column) for column in header]
        database.executemany(
            f"INSERT INTO {name} VALUES ({', '.join('?' * len(header))})",
            ([v if p is None else scaled(v, p) for v, p in zip(row, places, strict=True)] for row in rows),
        )
    business_date = business_dates(read(day / "stores.csv"))
    instants = database.execute("SELECT store_id, sold_at FROM sales UNION SELECT store_id, delivered_at FROM deliveries")
    dates = {business_date(store, instant) for store, instant in instants}
    if len(dates) != 1:
        raise ValueError(f"the input is of the days {sorted(dates)}, not of one")
    return database, dates.pop()


def check(day):
    """Compares every expected row; returns how many rows differ."""
    database, date = load(day)
    database.create_function("cents", 1, cents, deterministic=True)
    database.create_function("quantity", 1, quantity, deterministic=True)
    database.executescript(LINES)
    differing = 0
    for name, query in REPORTS.items():
        _, rows = read(day / "expected" / f"{name}.csv")
        expected = {tuple(row) for row in rows}
        computed = {tuple(str(v) for v in row) for row in database.execute(query, {"d": date} if ":d" in query else {})}
        wrong = expected ^ computed
        for row in sorted(wrong)[:10]:
            print(f"{name}: only {'expected' if row in expected else 'computed'}: {','.join(row)}")
        differing += len(wrong) + len(rows) - len(expected)
        print(f"{name}: {len(rows)} rows expected, {len(wrong)} differ")
    differing += check_receipts(database)
    return differing


def check_receipts(database):
    """What a register must have right: the tenders of a receipt are the net amount of its lines."""
    wrong = database.execute("""
        SELECT store_id, receipt_no, sum(net), sum(paid) FROM (
            SELECT store_id, receipt_no, net_amount AS net, 0 AS paid FROM sold
            UNION ALL SELECT store_id, receipt_no, 0, amount FROM tenders)
        GROUP BY store_id, receipt_no HAVING sum(net) <> sum(paid)""").fetchall()
    receipts = database.execute("SELECT count(*) FROM (SELECT DISTINCT store_id, receipt_no FROM sales)").fetchone()[0]
    print(f"receipts: {receipts}, {len(wrong)} of them not paid exactly")
    return len(wrong)


def main(arguments):
    match arguments:
        case ["--check", day]:
            return 1 if check(pathlib.Path(day)) else 0
        case [week, date, day]:
            cut(pathlib.Path(week), date, pathlib.Path(day))
            return 0
        case _:
            print(__doc__, file=sys.stderr)
            return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
