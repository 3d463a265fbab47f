--- A policy VM in this process: for `isolate = false`. Its budget ends what runs too long; nothing
--- stands between a fault of the VM and this process.

local err = require "kavach.err"
local rules = require "kavach.rules"
local view = require "kavach.attest.script.view"

local M = {}

local Here = { __name = "kavach.attest.script.here" }
Here.__index = Here

function M.new()
  return setmetatable({ session = rules.session() }, Here)
end

--- Loads a policy: the reply; or nil and an error.
---@param request string
function Here:load(request)
  self.request = request
  return assert(rules.decode(self.session:request(request)))
end

function Here:evaluate(views)
  if self.closed then
    self.closed = false
    self.session:request(self.request)
  end
  local reply = assert(rules.decode(self.session:request(view.encode(views, 1, #views))))
  if reply.results then return reply.results end
  error(err.new("io", reply.error), 0)
end

function Here:close()
  self.closed = true
  self.session:close()
end

return M
