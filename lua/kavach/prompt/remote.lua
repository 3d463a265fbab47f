--- A prompt in this host for a front end elsewhere: the method `prompt` of its control socket.

local control = require "kavach.sandbox.control"
local core = require "kavach.core"

-- What an operator's entries print goes to that operator. What the host's own code prints goes
-- where the host's output goes.
local function own_output(session)
  local streams = require "kavach.prompt.streams"
  local own = streams.input(session)
  return { io = own, print = streams.output(session, own) }
end

local function banner()
  return ("kavach %s, in process %d. .help explains, Tab completes, Ctrl-D leaves."):format(
    core.version, core.getpid())
end

control.register("prompt", {
  params = { terminal = "string" },
  run = function(params, call)
    local session = require("kavach.prompt.session").new {
      read = function() return (call.input:read()) end,
      write = function(bytes) return (call.output:write(bytes)) end,
      write_some = function(bytes)
        -- With so much credit it does not wait.
        return #bytes <= call.output.credit and call.output:write(bytes) and #bytes
      end,
      globals = _G, prompt = ("kavach %d> "):format(core.getpid()), banner = banner(),
      extra = own_output,
    }
    session.terminal = params.terminal
    local batches = package.loaded["kavach.batch.control"]
    local _, batch = next(batches and batches.batches() or {})
    session.own.batch = batch -- by which a person gets at it
    session:serve()
    return {}
  end,
})
