--- What certificates are for, and which signs which (AMD 57230, chapter 3; for VLEKs, 58369).

local M = {}

--- From the root on.
M.ALL = { "ark", "ask", "asvk", "vcek", "vlek" }

--- Who signs: the ARK signs itself.
M.ISSUER = { ask = "ark", asvk = "ark", vcek = "ask", vlek = "asvk" }

--- Those that sign reports.
M.SIGNS_REPORTS = { vcek = true, vlek = true }

local known = {}
for _, role in ipairs(M.ALL) do known[role] = true end

---@param name any
---@return boolean
function M.is(name)
  return known[name] == true
end

return M
