std = "lua54"
max_line_length = 100
exclude_files = { "build", "build-*" }
files["spec"] = { std = "lua54+busted" }
files[".luacheckrc"] = { ignore = { "111", "112" } }
-- This spec catches what a command prints.
files["spec/cli/init_spec.lua"] = { ignore = { "122" } }
