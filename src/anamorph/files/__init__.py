"""Between disk and arrays: pictures in and out, folders, and the record of a run."""
