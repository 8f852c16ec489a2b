"""Kept replies: whole answers that are given again to a request that is the same byte for byte."""
