"""Commands about links with which strangers read a conversation."""

from typing import ClassVar

from contracts.identity import Principal
from contracts.ids import ConversationId, ShareId, TokenHash
from contracts.message import Command
from contracts.replies import Done, ShareReply


class ShareConversation(Command[ShareReply]):
    """Let whoever has a link read a conversation, as far as it has come: the branch that one is on, what has ended.

    ``token_hash``: SHA-256 of the link's token, which only its maker knows. Errors: quota_exceeded, invalid_request
    (nothing was said yet).
    """

    subject_template: ClassVar[str] = "command.conversation_store.share_conversation"
    principal: Principal
    conversation_id: ConversationId
    token_hash: TokenHash


class RevokeShare(Command[Done]):
    """Let a link lead nowhere from now on."""

    subject_template: ClassVar[str] = "command.conversation_store.revoke_share"
    principal: Principal
    conversation_id: ConversationId
    share_id: ShareId
