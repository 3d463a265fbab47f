--- What may be asked of a child process: its argv and its options, checked.

local check = require "kavach.check"

local M = {}

local STDIO = { "pipe", "null", "inherit" }

local function without_nul(text)
  if text:find("\0", 1, true) then return nil, "a string without a NUL" end
  return text
end

--- A map as the list that a program gets.
local function environment(map)
  local list = {}
  for name, value in pairs(map) do
    if name == "" or name:find "[=%z]" then
      return nil, ("a map of variables, which %q is not the name of one"):format(name)
    elseif value:find("\0", 1, true) then
      return nil, ("a map of strings without a NUL, which %s has"):format(name)
    end
    list[#list + 1] = name .. "=" .. value
  end
  table.sort(list)
  return list
end

--- Timers take whole milliseconds. 2^53 of them are for ever.
local function whole_ms(ms)
  return math.ceil(math.min(ms, 2 ^ 53))
end

local function is_stream(value)
  return type(value) == "table" and type(value.raw) == "userdata"
end

local function input_of_start(value)
  local named = value == "pipe" or value == "null" or value == "inherit"
  if named or is_stream(value) then return value end
  return nil, "'pipe', 'null', 'inherit' or a stream"
end

local function input_of_exec(value)
  if type(value) == "string" or is_stream(value) then return value end
  return nil, "a string or a stream"
end

local START = {
  env = { map = "string", fn = environment }, cwd = { type = "string", fn = without_nul },
  stdin = { default = "null", fn = input_of_start },
  stdout = { enum = STDIO, default = "pipe" },
  stderr = { enum = { "pipe", "null", "inherit", "stdout" }, default = "pipe" },
  program = "userdata",
}
local EXEC = {
  program = START.program, env = START.env, cwd = START.cwd, stdin = { fn = input_of_exec },
  stdout = START.stdout, stderr = START.stderr,
  on_stdout = "function", on_stderr = "function",
  max_output = { type = "integer", min = 0, default = 1024 * 1024 },
  timeout_ms = { type = "number", min = 0, default = 30000, fn = whole_ms },
  grace_ms = { type = "number", min = 0, default = 2000, fn = whole_ms },
}

local DEFAULTS <const> = check.table(EXEC, {}, "process.exec")

--- Misuse raises at the caller's caller.
function M.check_argv(argv, what)
  if type(argv) ~= "table" or #argv == 0 then
    error(what .. ": a list of the program and its arguments is needed", 3)
  end
  for i, word in ipairs(argv) do
    if type(word) ~= "string" then
      error(("%s: argument %d is a %s, not a string"):format(what, i, type(word)), 3)
    elseif word:find("\0", 1, true) then
      error(("%s: argument %d has a NUL in it"):format(what, i), 3)
    end
  end
end

--- `env` becomes a list.
function M.start_options(options)
  local checked = check.table(START, options or {}, "process.start", 3)
  return checked
end

function M.exec_options(options)
  if not options then return DEFAULTS end -- checked once
  local checked = check.table(EXEC, options, "process.exec", 3)
  for _, name in ipairs { "stdout", "stderr" } do
    if checked["on_" .. name] and checked[name] ~= "pipe" then
      error(("process.exec: on_%s gets nothing where %s is '%s'"):format(name, name, checked[name]),
        3)
    end
  end
  return checked
end

return M
