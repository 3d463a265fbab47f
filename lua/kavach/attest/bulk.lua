--- Much evidence against one policy: on the thread pool, in order, in bounded memory.

local core = require "kavach.core"
local decisions = require "kavach.attest.decision"
local task = require "kavach.task"
local verify = require "kavach.attest.verify"

local M = {}

-- So many verifications make one job; so many jobs wait for threads or are at work.
local CHUNK <const>, JOBS <const> = 32, 6

---@class kavach.BulkItem
---@field evidence kavach.Evidence?
---@field error kavach.Error? why there is none
---@field source string?

-- What the policy's rules say of all that was verified, in one go: by place in the chunk, what
-- decisions.finish takes. Nothing of a policy without rules, whose decisions are made when they are
-- delivered.
local function evaluate(chunk, at, results, about)
  local begun, views, places = {}, {}, {}
  if not about.policy.script then return begun end
  for i, item in ipairs(chunk) do
    local result = at[i] and results[at[i]]
    if result and not result.error then
      begun[i] = { decisions.begin(about.policy, item.evidence, result, about) }
      if begun[i][1].view then
        views[#views + 1], places[#places + 1] = begun[i][1].view, i
      end
    end
  end
  local outcomes = about.policy.script:evaluate(views)
  for n, i in ipairs(places) do begun[i][2] = outcomes[n] end
  return begun
end

-- Begins a chunk's verifications: a function that waits for them and delivers.
local function begin(chunk, about, deliver)
  local inputs, at = {}, {}
  for i, item in ipairs(chunk) do
    if item.evidence then
      inputs[#inputs + 1] = verify.input(item.evidence, about)
      at[i] = #inputs
    end
  end
  local job = about.trust.verifier:work(inputs)
  local results, begun
  local work = task.spawn(function()
    task.wait(function(done) core.work(job:work(), job, done) end)
    results = job:results()
    begun = evaluate(chunk, at, results, about)
  end)
  return function()
    work:await()
    for i, item in ipairs(chunk) do
      local result = at[i] and results[at[i]]
      if not result then
        deliver(decisions.denied(about.policy, item.error, "evidence", item.source), item)
      elseif result.error then
        deliver(verify.decide(item.evidence, nil, about, result.error, result.kind), item)
      elseif begun[i] then
        deliver(decisions.finish(begun[i][1], begun[i][2]), item)
      else
        deliver(verify.decide(item.evidence, result, about), item)
      end
    end
  end
end

--- Judges what `items` gives, and calls `deliver(decision, item)` for each, in order. An item has
--- `evidence`, or an `error` instead. Where `items` gives false, it has none for now: what it gave
--- is delivered before it is asked again.
---@param items fun(): kavach.BulkItem|false|nil
---@param policy kavach.Policy|string|nil
---@param options kavach.VerifyOptions?
---@param deliver fun(decision: kavach.Decision, item: kavach.BulkItem)
function M.each(items, policy, options, deliver)
  local about = verify.about(policy, options, "attest.verify_each")
  local jobs, first, chunk = {}, 1, {}
  local function finish_until(left)
    while #jobs - first + 1 > left do
      local finish = jobs[first]
      jobs[first] = false
      first = first + 1
      finish()
    end
    if first > #jobs then jobs, first = {}, 1 end
  end
  local function send()
    if #chunk == 0 then return end
    jobs[#jobs + 1], chunk = begin(chunk, about, deliver), {}
    finish_until(JOBS)
  end
  task.scope(function()
    for item in items do
      if item then
        chunk[#chunk + 1] = item
        if #chunk == CHUNK then send() end
      else
        send()
        finish_until(0)
      end
    end
    send()
    finish_until(0)
  end)
end

-- The length of a list. One with holes, as of what attest.load gave where some could not be read,
-- would end at the first: the rest would not be judged, and nobody would know.
local function length_of(list)
  local count = 0
  for _ in next, list do count = count + 1 end
  for i = 1, count do
    if list[i] == nil then
      error(("attest.verify_all: a list must be without holes or other keys: there is no [%d]")
        :format(i), 3)
    end
  end
  return count
end

--- Judges a list of evidence (what attest.parse or attest.load give, bytes, or tables) on the
--- thread pool. The decisions, in order; as many as the list is long, which may have no holes.
---@param list (string|kavach.Evidence|table)[]
---@param policy kavach.Policy|string|nil
---@param options kavach.VerifyOptions?
---@return kavach.Decision[]
function M.all(list, policy, options)
  local evidences = require "kavach.attest.evidence"
  local at, count, out = 0, length_of(list), {}
  M.each(function()
    at = at + 1
    if at > count then return nil end
    local evidence, why = evidences.of(list[at])
    return { evidence = evidence, error = why }
  end, policy, options, function(decision) out[#out + 1] = decision end)
  return out
end

return M
