--- Two connected sockets: the near end as kavach.core has it, the far end as a kavach.stream.

local core = require "kavach.core"
local stream = require "kavach.stream"

local M = {}

---@return userdata near
---@return kavach.Stream far
function M.connect()
  local dir = assert(core.private_dir())
  local listener = assert(core.listen(dir .. "/pair"))
  local near = assert(core.connect(dir .. "/pair"))
  local far = assert(stream.wrap(listener):accept())
  listener:close()
  assert(core.remove_dir(dir))
  return near, far
end

return M
