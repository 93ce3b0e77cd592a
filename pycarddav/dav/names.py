"""XML names, in Clark notation, of the standards this server speaks."""


class Namespace:
    """A closed vocabulary: ``DAV.getetag == '{DAV:}getetag'``, and a typo is an AttributeError."""

    def __init__(self, uri: str, prefix: str, names: str) -> None:
        self.uri, self.prefix = uri, prefix
        for local in names.split():
            setattr(self, local.replace("-", "_"), f"{{{uri}}}{local}")

    def __getattr__(self, name: str) -> str:
        raise AttributeError(f"{self.uri} has no name {name!r}")


DAV = Namespace(
    "DAV:",
    "D",
    # RFC 4918 §14, §15, §16
    """
    activelock allprop cannot-modify-protected-property collection creationdate depth displayname
    error exclusive getcontentlanguage getcontentlength getcontenttype getetag getlastmodified href
    include location lock-token-matches-request-uri lock-token-submitted lockdiscovery lockentry
    lockinfo lockroot lockscope locktoken locktype multistatus no-conflicting-lock
    no-external-entities owner preserved-live-properties prop propertyupdate propfind
    propfind-finite-depth propname propstat remove resourcetype response responsedescription set
    shared status supportedlock timeout write
    """
    # RFC 3744
    """
    abstract ace acl acl-principal-prop-set acl-restrictions all allowed-principal alternate-URI-set
    apply-to-principal-collection-set authenticated bind current-user-privilege-set deny
    deny-before-grant description grant grant-only group group-member-set group-membership
    inherited inherited-acl-set invert match need-privileges no-ace-conflict no-invert
    no-protected-ace-conflict number-of-matches-within-limits principal principal-URL
    principal-collection-set principal-match principal-property principal-property-search
    principal-search-property principal-search-property-set privilege property property-search
    protected read read-acl read-current-user-privilege-set required-principal resource self
    supported-privilege supported-privilege-set unauthenticated unbind unlock write-acl
    write-content write-properties
    """
    # RFC 3253 §3.1, §3.6, §3.8
    """
    expand-property report supported-live-property supported-live-property-set supported-method
    supported-method-set supported-report supported-report-set
    """
    # RFC 4331, 5323, 5397, 5689, 5842, 5995, 6578
    """
    add-member allow-client-defined-uri current-user-principal limit mkcol mkcol-response nresults
    quota-available-bytes quota-not-exceeded quota-used-bytes resource-id sufficient-disk-space
    sync-collection sync-level sync-token sync-traversal-supported valid-resourcetype
    valid-sync-token
    """,
)
CARDDAV = Namespace(
    "urn:ietf:params:xml:ns:carddav",
    "C",
    # RFC 6352 §5-§10, and Apple's max-image-size
    """
    address-data address-data-type addressbook addressbook-collection-location-ok
    addressbook-description addressbook-home-set addressbook-multiget addressbook-query allprop
    filter is-not-defined limit max-image-size max-resource-size no-uid-conflict nresults
    param-filter principal-address prop prop-filter supported-address-data
    supported-address-data-conversion supported-collation supported-collation-set supported-filter
    text-match valid-address-data
    """,
)
CALENDARSERVER = Namespace(
    "http://calendarserver.org/ns/",
    "CS",
    "email-address email-address-set first-name getctag last-name me-card",
)
# RFC 4791: what clients ask of a principal that is not about calendars
CALDAV = Namespace("urn:ietf:params:xml:ns:caldav", "CAL", "calendar-user-address-set")

NAMESPACES = (DAV, CARDDAV, CALENDARSERVER, CALDAV)
