-- What the agent does before the first command: steps, each a frame that ends with DONE or FAILED.

local wire = require "kavach.sandbox.wire"

local setup = {}

---@class kavach.setup.step
---@field what string what is done, for errors: "mounting /data in the guest"
---@field kind integer of the frame
---@field payload string

---@param tag string of the share
---@param target string absolute path in the guest
---@param readonly boolean
---@return kavach.setup.step
function setup.mount(tag, target, readonly)
  return {
    what = ("mounting %s in the guest"):format(target),
    kind = wire.MOUNT,
    payload = string.pack("<I4zz", readonly and wire.READ_ONLY or 0, tag, target),
  }
end

return setup
