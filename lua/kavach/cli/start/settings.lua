--- The words of `kavach start` and `kavach serve`: what they may be, and what they ask for.

local err = require "kavach.err"
local options = require "kavach.cli.options"

local M = {}

---@param parser table of lua-argparse
function M.configure(parser)
  parser:argument("command", "Started in the guest once it is ready; kavach logs shows what it "
    .. "prints. Written as for kavach run."):args "*"
  require("kavach.cli.sandbox").configure(parser)
  require("kavach.cli.sandbox.name").configure(parser)
  parser:option("--workdir", "The folder that the command starts in."):argname "DIR"
  parser:option("--user", "Whom it runs as: a name or number, also with :GROUP."):argname "USER"
  parser:option("--timeout", "The time for the boot: 500ms, 8s, 2m."):argname "TIME"
    :convert(options.duration)
  parser:option("--ttl", "Stop the sandbox after so long."):argname "TIME"
    :convert(options.duration)
end

---@class kavach.start.settings
---@field sandbox table its options
---@field command? string|string[]
---@field exec table options of the command
---@field ttl_ms? integer
---@field grace_ms? integer for its end

---@param args table of lua-argparse
---@return kavach.start.settings?
---@return kavach.Error?
function M.read(args)
  for _, name in ipairs { "timeout", "ttl" } do
    if args[name] == 0 then
      return err.fail("invalid_argument", ("--%s: no time at all"):format(name))
    end
  end
  for _, name in ipairs { "workdir", "user" } do
    if args[name] == "" then
      return err.fail("invalid_argument", ("--%s: nothing at all"):format(name))
    end
  end
  if args.transport == "measured" then
    return err.fail("invalid_argument", "--transport measured is for kavach run: a guest that "
      .. "carries its command runs no other")
  end
  local box, why = require("kavach.cli.sandbox").read(args)
  if not box then return nil, why end
  box.boot_timeout_ms, box.name = args.timeout, args.name
  local words = args.command
  return {
    sandbox = box,
    command = #words > 0 and (#words == 1 and not args.separated and words[1] or words) or nil,
    exec = { cwd = args.workdir, user = args.user },
    ttl_ms = args.ttl, grace_ms = args.grace,
  }
end

return M
