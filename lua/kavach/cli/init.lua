--- The program's subcommands. Each is a file beside this one, found by its name, which returns
---
---   {
---     summary = "One line.",
---     configure = function(parser) … end,       -- lua-argparse: options, arguments, epilog
---     run = function(args) return exit_code end,  -- or nil and an error
---     usage_exit = 64, failure_exit = 1,          -- what misuse and an error exit with; also a
---                                                 -- function of the error
---     tells_failure = true,                       -- with --json, an error is a document, too
---     actions = { "check", "test" },              -- has these as commands of their own, each in a
---                                                 -- file in the folder with the command's name,
---     actions_only = false,                       -- and other words are its own
---   }
---
--- `args` has the options and arguments by name, `json` and `log_format` (which every command has),
--- `separated`: whether "--" ended the options, and `words`: all of them as they were given.

local check = require "kavach.check"
local err = require "kavach.err"

local M = {}

local EXIT_OK <const>, EXIT_FAILURE <const>, EXIT_USAGE <const> = 0, 1, 64
local HELP_COLUMN <const> = 12

local log_format = "text"

-- ---- messages --------------------------------------------------------------------------------

local function escape(c) return ("\\x%02x"):format(c:byte()) end

local function as_utf8(text)
  return (text:gsub("[\x80-\xff]+", function(bytes)
    return utf8.len(bytes) and bytes or bytes:gsub(".", escape)
  end))
end

--- Prints a message for a person: `kavach: MESSAGE` on standard error, without bytes that would
--- move a terminal.
---@param message string
function M.complain(message)
  if log_format == "json" then
    local json = require "kavach.json"
    io.stderr:write(json.encode { level = "error", message = as_utf8(message) }, "\n")
  else
    io.stderr:write("kavach: ", (message:gsub("[\0-\8\11-\31\127]", escape)), "\n")
  end
end

-- ---- finding commands ------------------------------------------------------------------------

--- The command of that name, or nil.
---@param name string
---@return table?
function M.find(name)
  if not name:find "^[a-z][a-z0-9-]*$" or name == "init" then return nil end
  local module = "kavach.cli." .. name
  if not package.loaded[module] and not package.searchpath(module, package.path) then return nil end
  local command = require(module)
  return type(command) == "table" and command.run and command.configure and command or nil
end

--- Where the commands' files are.
local function directory()
  local path = package.searchpath("kavach.cli", package.path)
  return path and path:match "^(.*)/[^/]*$"
end

--- The names of all commands, in order.
---@return string[]
function M.names()
  local names = {}
  local where = directory()
  if not where then return names end
  for file in require "lfs".dir(where) do
    local name = file:match "^(.*)%.lua$"
    if name and M.find(name) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- ---- help and usage ---------------------------------------------------------------------------

local USAGE = [==[
Usage: kavach                       the prompt, on a terminal; else the script on standard input
       kavach FILE.lua [ARG…]       run a script; -i: then the prompt
       kavach COMMAND [OPTION…] …   see kavach COMMAND --help
]==]

local function print_help()
  io.stdout:write(USAGE, "\nCommands:\n")
  for _, name in ipairs(M.names()) do
    io.stdout:write("   ", name, (" "):rep(HELP_COLUMN - #name), M.find(name).summary, "\n")
  end
  io.stdout:write "\nOptions of Lua: -e STAT, -i, -l MOD, -v, -W, -E, -, --\n"
  return EXIT_OK
end

local function unknown_command(name)
  local nearest = check.nearest(name, M.names())
  M.complain(("unknown command '%s'%s; see kavach --help"):format(name,
    nearest and (" (did you mean '%s'?)"):format(nearest) or ""))
  return EXIT_USAGE
end

local function failure_exit(of, failure)
  if type(of) == "function" then of = of(failure) end
  return of or EXIT_FAILURE
end

-- ---- running one -----------------------------------------------------------------------------

local function handle(e)
  return err.is(e) and e or debug.traceback(tostring(e), 2)
end

--- A failure as the document that --json asks for.
local function tell(failure)
  local text = require "kavach.json".encode {
    version = 1, error = { kind = failure.kind, message = as_utf8(failure.message) },
  }
  if text then io.stdout:write(text, "\n") end
end

--- Runs it; its error, returned or raised, becomes a message and an exit code.
local function run(name, command, args)
  local ok, code, failure = xpcall(command.run, handle, args)
  if ok and code ~= nil then return code end
  if ok and failure == nil then return EXIT_OK end
  failure = ok and failure or code
  if err.is(failure, "cancelled") and not ok then error(failure, 0) end -- who cancelled decides
  M.complain(("%s: %s"):format(name, tostring(failure)))
  if args.json and command.tells_failure and err.is(failure) then tell(failure) end
  return failure_exit(command.failure_exit, failure)
end

local function start(name, command, words)
  local options = require "kavach.cli.options"
  local parser = options.parser("kavach " .. name, command.configure)
  local args, message = options.parse(parser, words)
  if not args then
    M.complain(("%s: %s; see kavach %s --help"):format(name, message, name))
    return command.usage_exit or EXIT_USAGE
  end
  if args.help then
    io.stdout:write(parser:get_help(), "\n")
    return EXIT_OK
  end
  log_format, args.words = args.log_format, words
  return run(name, command, args)
end

-- The action that the words begin with, if the command has some; nil and a message if it has none
-- of that name.
local function action_of(name, command, words)
  local word = words[1]
  local takes_one = command.actions and word and word:sub(1, 1) ~= "-"
  if not takes_one then return name, command, words end
  for _, action in ipairs(command.actions) do
    if action == word then
      return name .. " " .. word, require(("kavach.cli.%s.%s"):format(name, word)),
        table.move(words, 2, #words, 1, {})
    end
  end
  if command.actions_only == false then return name, command, words end
  local nearest = check.nearest(word, command.actions)
  return nil, ("%s: there is no '%s'%s: it has %s"):format(name, word,
    nearest and (" (did you mean '%s'?)"):format(nearest) or "",
    table.concat(command.actions, ", "))
end

-- The exit code, and the one of its failures if it is a command that has its own.
local function dispatch(words)
  local name = words[1]
  if name == nil or name == "--help" or name == "-h" or name == "help" then return print_help() end
  if name == "--version" then
    io.stdout:write("kavach ", require "kavach.core".version, "\n")
    return EXIT_OK
  end
  local command = M.find(name)
  if not command then return unknown_command(name) end
  local full, part, rest = action_of(name, command, table.move(words, 2, #words, 1, {}))
  if full then return start(full, part, rest), part.failure_exit end
  M.complain(part)
  return command.usage_exit or EXIT_USAGE
end

--- The program with a subcommand, `--help` or `--version`.
---@param words string[] the command line without the program's name
---@return integer exit_code
function M.main(words)
  local code, on_failure = dispatch(words)
  -- What could not be written was not said, so there is no success.
  local ok, why = io.stdout:flush()
  if ok or code ~= EXIT_OK then return code end
  M.complain(("%s: standard output: %s"):format(words[1] or "help", why))
  return failure_exit(on_failure, why)
end

return M
