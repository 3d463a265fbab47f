--- Whom the guest may reach.

local M = {}

function M.configure() end

function M.read() return true end

return M
