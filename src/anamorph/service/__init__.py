"""The use cases over HTTP, with a web page: jobs in a database, workers that take them up."""
