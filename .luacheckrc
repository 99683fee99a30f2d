std = "lua54"
max_line_length = 140
unused_args = false
files["lua/meta"] = { ignore = { ".*" } }
files["tests"] = { globals = { "^Test", "^test" }, ignore = { "111", "112", "113", "131" } }
