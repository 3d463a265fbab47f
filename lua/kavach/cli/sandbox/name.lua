--- What others call a sandbox: --name. Not of those that many are made like.

local M = {}

function M.configure(parser)
  parser:option("--name", "What kavach ps, exec, logs and stop know it by."):argname "NAME"
end

return M
