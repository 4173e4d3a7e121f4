"""The public nouns of Marathon's `/v2` API: their fields, defaults, reading, checks and writing.

Pure. The one part of Marathon that `lb`, `web` and the command line may import.

* `app`, `container`, `network`, `health`, `constraint`, `group`: frozen structs; encoding one with
  `msgspec.json.encode` gives exactly what `/v2` answers, and decoding that gives the struct back.
* `path`, `quantity`, `timestamp`: ids, exact numbers, versions.
* `reading`, `legacy`, `complete`, `validation`: from a client's JSON to a struct, or to all
  problems with it at once. The doors are `request` (read_app, read_update, merge) and
  `group_request` (read_group).

Source: Marathon 1.11, docs/docs/rest-api (RAML) and the rules C1-C17 of its clients.
"""
