-- What is still to be moved. The catalogue is loaded by it: that takes as long as much is left, not as much ever was.
CREATE INDEX unassigned_left ON unassigned_sales (item_id, business_date, store_id)
WHERE (lines_sold, quantity_sold_milli, gross_minor, discount_minor, tax_minor, quantity_returned_milli, returns_net_minor)
    <> (0, 0, 0, 0, 0, 0, 0);
