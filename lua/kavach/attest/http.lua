--- One GET that does not give up at once: waits and tries again where a server says that it is busy
--- (429) or failing (5xx), until a deadline.

local core = require "kavach.core"
local err = require "kavach.err"
local http -- kavach.http, which links libcurl, when something is fetched
local snp = require "kavach.snp"
local task = require "kavach.task"

local M = {}

local SIZE_MAX <const> = 1024 * 1024
local REDIRECTS <const> = 3
local BACKOFF_MAX_MS <const> = 30000
local WAIT_MAX_S <const> = 365 * 24 * 3600 -- servers may ask for any number of seconds
local TOO_MANY_REQUESTS <const>, OK <const> = 429, 200

local function failed(kind, url, status, message, ...)
  return nil, err.new(kind, ("%s: %s"):format(url, message:format(...)),
    { op = "certs.fetch", url = url, status = status })
end

local function out_of_time(url, answer, tries)
  return failed("timeout", url, answer.status,
    "the server answers %d%s, after %d %s; no time is left to try again", answer.status,
    answer.retry_after_s and (" and asks to wait for %d s"):format(answer.retry_after_s) or "",
    tries, tries == 1 and "try" or "tries")
end

--- One attempt, on the thread pool.
local function attempt(url, timeout_ms)
  http = http or require "kavach.http"
  local job = http.fetch {
    url = url, timeout_ms = timeout_ms, max_bytes = SIZE_MAX, redirects = REDIRECTS,
    plain_http = url:find "^http:" ~= nil,
  }
  task.wait(function(done)
    core.work(job:work(), job, done)
    return function() job:cancel() end
  end)
  return job:result()
end

--- From half of `ms` to all of it.
local function jittered(ms)
  local random = ("<I4"):unpack(snp.random(4)) / 0xffffffff
  return math.ceil(ms / 2 + ms / 2 * random)
end

local function is_transient(status)
  return status == TOO_MANY_REQUESTS or (status >= 500 and status <= 599)
end

--- How long to wait before the next attempt: what the server asks for (and a little more, so that
--- not all who were turned away come back at once), or twice as long each time.
local function pause(answer, tries, backoff_ms)
  local own = jittered(math.min(backoff_ms * 2 ^ (tries - 1), BACKOFF_MAX_MS))
  if not answer.retry_after_s then return own end
  return math.min(answer.retry_after_s, WAIT_MAX_S) * 1000 + math.min(own, 1000)
end

---@class kavach.HttpOptions
---@field deadline_ms number when it must be done, on kavach.now's clock
---@field backoff_ms integer the first wait, about
---@field on_wait fun(url: string, status: integer, ms: integer)? told before each wait

--- The body of `url`, if its status is 200. The error's `status` is another that was final, if
--- there was an answer.
---@param url string
---@param options kavach.HttpOptions
---@return string? body
---@return kavach.Error?
function M.get(url, options)
  local tries, last = 0, nil -- the server's last answer
  while true do
    local left = math.ceil(options.deadline_ms - task.now())
    if left <= 0 and last then return out_of_time(url, last, tries) end -- it slept for too long
    if left <= 0 then return failed("timeout", url, nil, "no time is left") end
    tries = tries + 1
    local answer, message, kind = attempt(url, left)
    if not answer then return failed(kind, url, nil, "%s", message) end
    if answer.status == OK then return answer.body end
    if not is_transient(answer.status) then
      return failed("io", url, answer.status, "the server answers %d", answer.status)
    end
    last = answer
    local ms = pause(answer, tries, options.backoff_ms)
    if task.now() + ms >= options.deadline_ms then return out_of_time(url, answer, tries) end
    if options.on_wait then options.on_wait(url, answer.status, ms) end
    task.sleep(ms)
  end
end

return M
