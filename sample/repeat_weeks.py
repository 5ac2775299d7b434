#!/usr/bin/env python3
"""Makes a long history out of a short one: the same trading days again and again, each time a week later.

    sample/repeat_weeks.py SOURCE TARGET --weeks N

SOURCE is a folder in the layout of `daybook import`, with `expected/` beside its files. TARGET gets suppliers, stores and items
as they are, deliveries, sales and tenders N times, and `expected/` for all of it. Instants are moved by local time, so that a
sale keeps its hour on the clock (and its business date moves by exactly a week) across changes of the clocks. Receipts and
delivery notes get the number of the week in front, so that they stay unique. Everything is written row by row.
"""

import argparse
import csv
import pathlib
import shutil
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def columns(path):
    with open(path, newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


def later(instant, zone, weeks):
    local = datetime.fromisoformat(instant.replace("Z", "+00:00")).astimezone(zone).replace(tzinfo=None)
    moved = (local + timedelta(weeks=weeks)).replace(tzinfo=zone).astimezone(timezone.utc)
    return moved.strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(number):
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def repeat(source, target, name, weeks, change):
    path = source / name
    if not path.exists():
        return 0
    count = 0
    with open(target / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns(path), lineterminator="\n")
        writer.writeheader()
        for week in range(weeks):
            for row in rows(path):
                change(row, week)
                writer.writerow(row)
                count += 1
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("target", type=pathlib.Path)
    parser.add_argument("--weeks", type=int, required=True)
    arguments = parser.parse_args()
    source, target, weeks = arguments.source, arguments.target, arguments.weeks
    (target / "expected").mkdir(parents=True, exist_ok=True)
    for name in ("suppliers.csv", "stores.csv", "items.csv"):
        shutil.copyfile(source / name, target / name)
    zones = {row["store_id"]: ZoneInfo(row["time_zone"]) for row in rows(source / "stores.csv")}

    def sale(row, week):
        row["sold_at"] = later(row["sold_at"], zones[row["store_id"]], week)
        row["receipt_no"] = f"{week}-{row['receipt_no']}"

    def tender(row, week):
        row["receipt_no"] = f"{week}-{row['receipt_no']}"

    def delivery(row, week):
        row["delivered_at"] = later(row["delivered_at"], zones[row["store_id"]], week)
        row["delivery_note"] = f"{week}-{row['delivery_note']}"

    def day(row, week):
        row["business_date"] = (date.fromisoformat(row["business_date"]) + timedelta(weeks=week)).isoformat()

    def stock(row, _):
        row["on_hand"] = plain(Decimal(row["on_hand"]) * weeks)

    for name, change in (("sales.csv", sale), ("tenders.csv", tender), ("deliveries.csv", delivery)):
        print(f"{name}: {repeat(source, target, name, weeks, change):,} rows")
    for path in sorted((source / "expected").glob("*.csv")):
        name = f"expected/{path.name}"
        once = path.name == "stock.csv"
        count = repeat(source, target, name, 1 if once else weeks, stock if once else day)
        print(f"{name}: {count:,} rows")


if __name__ == "__main__":
    main()
