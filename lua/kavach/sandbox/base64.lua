-- Base64 (RFC 4648, with padding), for bytes that JSON cannot carry.

local base64 = {}

local BASE64 <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local digits = {}
for i = 0, 4095 do
  local high, low = i >> 6, i & 63
  digits[i] = BASE64:sub(high + 1, high + 1) .. BASE64:sub(low + 1, low + 1)
end

---@param bytes string
---@return string
function base64.encode(bytes)
  local out, whole = {}, #bytes // 3 * 3
  for at = 1, whole, 3 do
    local n = string.unpack(">I3", bytes, at)
    out[#out + 1] = digits[n >> 12] .. digits[n & 4095]
  end
  local rest = #bytes - whole
  if rest == 1 then
    out[#out + 1] = digits[bytes:byte(-1) << 4] .. "=="
  elseif rest == 2 then
    local n = string.unpack(">I2", bytes, -2) << 2
    out[#out + 1] = digits[n >> 6] .. BASE64:sub((n & 63) + 1, (n & 63) + 1) .. "="
  end
  return table.concat(out)
end

return base64
