"""The books: credit, holds, settlements, corrections, and the audit that finds what is false."""
