--- GNU parallel's --tag: each line with its job's id and a TAB before it.

---@param id string
---@return fun(bytes: string): string what puts it into the pieces of one output
local function new(id)
  local tag = require("kavach.plain").text(id) .. "\t" -- one field of one line, whatever the id is
  local begins = true
  return function(bytes)
    local out, from = {}, 1
    while from <= #bytes do
      local ending = bytes:find("\n", from, true)
      if begins then out[#out + 1] = tag end
      out[#out + 1] = bytes:sub(from, ending or #bytes)
      begins = ending ~= nil
      from = (ending or #bytes) + 1
    end
    return table.concat(out)
  end
end

return new
