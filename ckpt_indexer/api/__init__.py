"""HTTP: questions to the catalog, live events, and the few things that change something. Knows the `Catalog` protocol
and no SQL; `app` hands the rest in.

    connection -> guard -> kept answers -> routes -> desk -> catalog
"""
