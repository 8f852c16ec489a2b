"""What was used and what it cost, as tables, figures and charts: pure, from sums of the ledger."""
