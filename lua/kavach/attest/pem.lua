--- Certificates as PEM (RFC 7468).

local snp = require "kavach.snp"

local M = {}

local WIDTH <const> = 64

--- One certificate, or with the label "X509 CRL" a revocation list, as text.
---@param der string
---@param label string?
---@return string
function M.encode(der, label)
  label = label or "CERTIFICATE"
  local lines = { ("-----BEGIN %s-----"):format(label) }
  for line in snp.base64(der):gmatch(("."):rep(WIDTH, "?")) do
    if line ~= "" then lines[#lines + 1] = line end
  end
  lines[#lines + 1] = ("-----END %s-----\n"):format(label)
  return table.concat(lines, "\n")
end

--- The certificates in a text, each with the role that it claims.
---@param text string
---@return { role: string, der: string }[]?
---@return string? message
function M.decode(text)
  local found, message = snp.recognise(text)
  if not found then return nil, message end
  if found.kind ~= "PEM" then return nil, "not PEM, but " .. found.kind end
  return found.certificates
end

return M
