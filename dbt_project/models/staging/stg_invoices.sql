{{ canonical("invoices") }}
