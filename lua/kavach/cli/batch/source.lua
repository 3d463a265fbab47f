--- Where the jobs of a batch without a script come from, as the command line says it: a command and
--- inputs, lines that are commands, or JSON Lines.

local M = {}

--- For --help.
M.HELP = [[
Options stand before inputs. Inputs are the words behind --command, or else the lines of
-a FILE (several are read one after the other; - is standard input), or of standard input.
With -a and no command at all, its lines are commands themselves. Empty lines are skipped;
one has at most 1 MiB.

What the input has for the command:

   {}     all of it                     {#}       its number, from 1
   {.}    without its extension         {%}       the slot that the job runs in, from 1
   {/}    its base name                 {1} {-1}  a column, also {1.} {1/} {1//} {1/.}
   {//}   its folder                    {name}    the same by its name (--header)
   {/.}   its base name without its extension

Without any of them the input is the last word. Values are quoted for the shell as their
place needs it, also between quotes; where nothing makes them safe, {} is refused. A value
is data for that one shell alone: give sh -c '…', or a program of awk, values as
arguments. ${…} is the shell's own. Words behind -- are a program and its arguments, and
there is no shell.

A job is called what its input is; of equal inputs the second is "INPUT (2)". --id gives
other names, and each must be new. One command N times: seq N | … --command 'cmd # {#}'.]]

-- ---- options -----------------------------------------------------------------------------------

---@param parser table of lua-argparse, which has the arguments "file" ("?") and "arguments" ("*")
function M.configure(parser)
  parser:option("--command", "What to run for each input: a line for the shell."):argname "TEXT"
  parser:option("-a --arg-file", "Take the inputs from the lines of a file; - is standard input.")
    :argname "FILE":count "*"
  parser:flag("-0 --null", "NULs separate inputs, not newlines.")
  parser:option("--colsep", "Split inputs into columns at this text; \\t is a tab, \\s+ blanks.")
    :argname "TEXT"
  parser:flag("--csv", "Inputs are CSV (RFC 4180), separated by commas or by --colsep.")
  parser:flag("--header", "The first line names the columns.")
  parser:option("--id", "What to call the jobs, such as '{1}-{name}'."):argname "TEMPLATE"
  parser:option("--put", "Copy a file or folder into the guest: to /in/SRC, or to DST.")
    :argname "SRC[:DST]":count "*"
  parser:option("--get", "Copy files out of the guest afterwards."):argname "PATTERN":count "*"
  parser:option("--jsonl", "Take the jobs from JSON Lines, in each line a job's table.")
    :argname "FILE"
end

local SPLITTING <const> = { "null", "colsep", "csv", "header" }
local NEEDS_COMMAND <const> = { "id", "put", "get" }

local function is_given(value) return value and (type(value) ~= "table" or #value > 0) end

local function option(name) return "--" .. name:gsub("_", "-") end

local function words_of(args)
  local words = { args.file }
  return table.move(args.arguments or {}, 1, #(args.arguments or {}), #words + 1, words)
end

-- Whether the words are a program and its arguments.
local function is_argv(args)
  return not args.command and args.separated and args.before == 0 and args.file ~= nil
end

---Whether the command line is of a batch without a script.
---@param args table of lua-argparse
---@return boolean
function M.wants(args)
  if args.command or args.jsonl or is_argv(args) or is_given(args.arg_file) then return true end
  for _, list in ipairs { SPLITTING, NEEDS_COMMAND } do
    for _, name in ipairs(list) do
      if is_given(args[name]) then return true end
    end
  end
  return false
end

-- The first of these options that is given.
local function first(args, ...)
  for _, list in ipairs { ... } do
    for _, name in ipairs(list) do
      if is_given(args[name]) then return option(name) end
    end
  end
end

local function absolute(path)
  return path == "-" and path or require("kavach.sandbox.config").absolute(path)
end

-- ---- what the command line says ---------------------------------------------------------------

local STDIN_NEEDED <const> = "no inputs: give words, -a FILE, or a pipe on standard input"

local function inputs_of(args, words)
  local files = args.arg_file or {}
  if #words > 0 then
    local other = #files > 0 and "-a" or first(args, SPLITTING)
    if other then
      return nil, ("%s is for inputs from files and standard input, and there are words: %s")
        :format(other, words[1])
    end
    return { words = words }
  end
  if #files == 0 then
    if require("kavach.core").isatty(0) then return nil, STDIN_NEEDED end
    files = { "-" }
  end
  local list, seen = {}, false
  for i, path in ipairs(files) do
    if path == "-" and seen then return nil, "-a - is there twice" end
    seen, list[i] = seen or path == "-", absolute(path)
  end
  local _, message = require("kavach.batch.inputs.split").make(args)
  if message then return nil, message end
  if args.csv and args.null then return nil, "--csv and --null exclude each other" end
  return { files = list, null = args.null, colsep = args.colsep, csv = args.csv,
    header = args.header }
end

local function about_jsonl(args, words)
  local other = args.command and "--command" or #words > 0 and words[1]
    or is_given(args.arg_file) and "-a" or first(args, SPLITTING, NEEDS_COMMAND)
  if other then return nil, "--jsonl says all about its jobs, so it does not go with " .. other end
  return { jsonl = absolute(args.jsonl), no_sandbox = args.no_sandbox }
end

-- Which command, and which of the words are inputs.
local function command_of(args, words)
  if args.command then return args.command, words end
  if is_argv(args) then return words, {} end
  if #words > 0 then
    return nil, ("%s needs --command, or -- and a command: is '%s' a script, or an input?")
      :format(first(args, { "arg_file" }, SPLITTING, NEEDS_COMMAND), words[1])
  end
  -- The lines of -a may be commands themselves, but not their columns.
  local other = is_given(args.arg_file) and first(args, { "colsep", "csv", "header" })
    or not is_given(args.arg_file) and first(args, SPLITTING, NEEDS_COMMAND)
  if other then return nil, other .. " needs --command, or -- and a command" end
  return false, {} -- the inputs are commands
end

local function about_command(args, words)
  local command, given = command_of(args, words)
  if command == nil then return nil, given end
  if command == "" then return nil, "--command is empty" end
  local inputs, message = inputs_of(args, given)
  if not inputs then return nil, message end
  local guest = args.no_sandbox and first(args, { "put", "get" })
  if guest then return nil, guest .. " is for jobs in a guest, and --no-sandbox has none" end
  return { command = command, inputs = inputs, id = args.id, put = args.put, get = args.get,
    no_sandbox = args.no_sandbox }
end

-- ---- all of it ---------------------------------------------------------------------------------

---@class kavach.cli.batch.Source
---@field options table options of the batch that these words set: { sandbox = false } or {}
---@field stdin boolean some of its inputs come from standard input
---@field next fun(): table?, string|kavach.Error|nil a job's table and where it is from; nil at the
---  end; nil and an error, after which there is no other
---@field close fun()

local function uses_stdin(about)
  if about.jsonl then return about.jsonl == "-" end
  for _, path in ipairs(about.inputs.files or {}) do
    if path == "-" then return true end
  end
  return false
end

---What the command line says. Waits for the header, if there is to be one.
---@param args table of lua-argparse
---@param stdin kavach.Stream? in place of standard input
---@return kavach.cli.batch.Source?
---@return string|kavach.Error|nil message of misuse; an error, if inputs cannot be read
function M.read(args, stdin)
  local words = words_of(args)
  local about, message = (args.jsonl and about_jsonl or about_command)(args, words)
  if not about then return nil, message end
  local next_job, close = require("kavach.batch.inputs.jobs").open(about, stdin)
  if not next_job then return nil, close end
  local options = {}
  if about.no_sandbox then options.sandbox = false end
  return { stdin = uses_stdin(about), options = options, next = next_job, close = close }
end

return M
