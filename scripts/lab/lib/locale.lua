-- SPDX-License-Identifier: MIT
-- Commands of AIX speak the language of their locale: what scripts look for by its English words is not
-- there. Numbers of messages, names and layouts stay.

local locale = {}

local japanese = {
  ["VOLUME GROUP"] = "ボリューム・グループ", ["VG STATE"] = "VG 状態", ["VG IDENTIFIER"] = "VG ID", ["PP SIZE"] = "PP サイズ",
  ["FREE PPs"] = "空き PP", ["USED PPs"] = "使用中 PP", ["TOTAL PPs"] = "合計 PP", ["LV NAME"] = "LV 名", ["LV STATE"] = "LV 状態",
  ["MOUNT POINT"] = "マウント・ポイント", ["megabyte(s)"] = "メガバイト", ["active"] = "アクティブ", ["inoperative"] = "操作不能",
  ["Subsystem"] = "サブシステム", ["Status"] = "状況", ["open/syncd"] = "オープン/同期", ["closed/syncd"] = "クローズ/同期",
  ["Mounted on"] = "マウント先", ["Filesystem"] = "ファイルシステム", ["ready for a NIM operation"] = "NIM 操作の準備ができています",
}

--- Whether messages of this process are not in English.
---@return boolean
function locale.is_foreign()
  local name = os.getenv "LC_ALL" or ""
  if name == "" then name = os.getenv "LC_MESSAGES" or "" end
  if name == "" then name = os.getenv "LANG" or "" end
  return name:lower():match("^ja_jp") ~= nil
end

--- print in the language of the locale.
---@param ... string
function locale.print(...)
  local text = table.concat({ ... }, "\t")
  if locale.is_foreign() then
    for word, other in pairs(japanese) do
      local at, last = text:find(word, 1, true)
      if at and not text:sub(at - 1, at - 1):match("%w") and not text:sub(last + 1, last + 1):match("%w") then
        text = text:sub(1, at - 1) .. other .. text:sub(last + 1)
      end
    end
  end
  print(text)
end

return locale
