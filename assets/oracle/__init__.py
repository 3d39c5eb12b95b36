"""The definitions written a second time, in SQL, to check the first: nothing here uses the pipelines."""
