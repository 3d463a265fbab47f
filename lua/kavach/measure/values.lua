--- Values that options of measurements have, for `fn` of rules (kavach.check).

local snp = require "kavach.snp"

local M = {}

--- A path, for `fn` of a rule.
function M.path(text)
  if text ~= "" and not text:find("\0", 1, true) then return text end
  return nil, "a path"
end

--- A string that C can take whole.
function M.line(text)
  if not text:find("\0", 1, true) then return text end
  return nil, "a string without a NUL"
end

--- Makes a reader of `size` bytes, given as they are, in hex, or in base64.
---@param size integer
function M.bytes_of(size)
  return function(text)
    local bytes = #text == size and text or #text == 2 * size and snp.unhex(text)
      or #text == (size + 2) // 3 * 4 and snp.unbase64(text)
    if bytes and #bytes == size then return bytes end
    return nil, ("%d bytes, also in hex or base64"):format(size)
  end
end

return M
