package board

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// schemaVersion is Grafana 10.0's; newer ones bring the dashboards up to theirs
// while they load them.
const schemaVersion = 38

// The dashboards' identities. Links, bookmarks and provisioning depend on them:
// they never change.
const (
	overviewUID = "sidemirror-overview"
	mirrorUID   = "sidemirror-mirror"
	historyUID  = "sidemirror-history"
)

// Board is one dashboard and the name of its file, without ".json".
type Board struct {
	Name      string
	Dashboard dashboard.Dashboard
}

// JSON returns the dashboard as it is in its file.
func (b Board) JSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // queries stay readable
	e.SetIndent("", "  ")
	if err := e.Encode(b.Dashboard); err != nil {
		return nil, fmt.Errorf("encode dashboard %s: %w", b.Name, err)
	}
	return out.Bytes(), nil
}

// All returns the dashboards, in the order in which one goes deeper.
func All() ([]Board, error) {
	var all []Board
	for _, s := range []sheet{overview(), mirror(), history()} {
		d, err := s.build()
		if err != nil {
			return nil, fmt.Errorf("build dashboard %s: %w", s.name, err)
		}
		all = append(all, Board{Name: s.name, Dashboard: d})
	}
	return all, nil
}

// sheet is what one dashboard doesn't share with the others.
type sheet struct {
	name, uid, title, description string
	from, refresh                 string
	variables                     []cog.Builder[dashboard.VariableModel]
	links                         []cog.Builder[dashboard.DashboardLink]
	rows                          []row
}

// row is a headline and the panels below it, from left to right, line by line.
// The first row of a dashboard has no headline.
type row struct {
	title  string
	panels []cog.Builder[dashboard.Panel]
}

func (s sheet) build() (dashboard.Dashboard, error) {
	b := dashboard.NewDashboardBuilder(s.title).
		Uid(s.uid).Description(s.description).
		Tags([]string{"sidemirror", "kubernetes"}).
		Time("now-"+s.from, "now").Refresh(s.refresh).Timezone(common.TimeZoneBrowser).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Variables(s.variables).Annotations(annotations()).Links(s.links)
	for _, r := range s.rows {
		if r.title != "" {
			b.WithRow(dashboard.NewRowBuilder(r.title))
		}
		for _, p := range r.panels {
			b.WithPanel(p)
		}
	}
	d, err := b.Build()
	if err != nil {
		return d, err
	}
	d.SchemaVersion = schemaVersion
	d.Version = nil
	number(d.Panels)
	forgetPlacement(&d)
	return d, nil
}

// number gives panels and rows their ids, which have to be unique in a dashboard.
func number(panels []dashboard.PanelOrRowPanel) {
	for i := range panels {
		id := uint32(i + 1)
		if p := panels[i].Panel; p != nil {
			p.Id = &id
		} else {
			panels[i].RowPanel.Id = id
		}
	}
}

// forgetPlacement takes back the builders' default of hiding links and
// annotations in a menu, which Grafana 10 doesn't have.
func forgetPlacement(d *dashboard.Dashboard) {
	for i := range d.Annotations.List {
		d.Annotations.List[i].Placement = nil
	}
	for i := range d.Links {
		d.Links[i].Placement = nil
	}
	for _, p := range d.Panels {
		if p.Panel == nil {
			continue
		}
		for i := range p.Panel.Links {
			p.Panel.Links[i].Placement = nil
		}
	}
}
